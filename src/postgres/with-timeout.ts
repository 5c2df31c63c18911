/** The promise's outcome, or a failure after `timeoutMs` (0: never) or at the signal's abort. The work itself goes on: its owner ends it. */
export async function withTimeout<T>(work: Promise<T>, timeoutMs: number, signal?: AbortSignal): Promise<T> {
  signal?.throwIfAborted()
  let timer: NodeJS.Timeout | undefined
  let abort: (() => void) | undefined
  const limit = new Promise<never>((_, reject) => {
    if (timeoutMs > 0) timer = setTimeout(() => reject(new Error('timeout expired')), timeoutMs)
    abort = () => reject(signal?.reason as Error)
    signal?.addEventListener('abort', abort, { once: true })
  })
  try {
    return await Promise.race([work, limit])
  } finally {
    clearTimeout(timer)
    if (abort) signal?.removeEventListener('abort', abort)
  }
}
