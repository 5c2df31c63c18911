/** The exit code of a program ended by Ctrl-C. */
export const INTERRUPTED = 130

/** Aborted by the first Ctrl-C or SIGTERM; the second ends the process at once, and its children with it. */
export function interruption(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => (controller.signal.aborted ? process.exit(INTERRUPTED) : controller.abort(new Error('Interrupted'))))
  }
  return controller.signal
}
