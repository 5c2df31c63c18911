import { CancellationScope } from '@temporalio/workflow'

/** Runs all at once. If one fails, the others are cancelled; waits for all, so that nobody works on while the workflow believes that nobody does. */
export async function together<T extends readonly unknown[]>(works: { readonly [K in keyof T]: () => Promise<T[K]> }): Promise<T> {
  return CancellationScope.cancellable(async () => {
    const scope = CancellationScope.current()
    let failure: { readonly error: unknown } | undefined
    const running = works.map(async (work) => {
      try {
        return await work()
      } catch (error) {
        failure ??= { error }
        scope.cancel()
        return undefined
      }
    })
    const results = await Promise.all(running)
    if (failure) throw failure.error
    return results as unknown as T
  })
}
