import { setTimeout as pause } from 'node:timers/promises'

/**
 * Waits until `condition` gives something truthy, and returns it. Asks each 50 ms at first, later less often: to ask costs time too, of what is
 * waited for.
 *
 * @param what names the condition in the error
 * @param seconds how long to wait; an error thrown by the condition ends the wait at once
 */
export async function eventually<T>(what: string, seconds: number, condition: () => T | Promise<T>): Promise<NonNullable<T>> {
  const begin = Date.now()
  for (;;) {
    const value = await condition()
    if (value) return value
    const waited = Date.now() - begin
    if (waited > seconds * 1000) throw new Error(`${what}: not within ${seconds} s`)
    await pause(Math.min(Math.max(50, waited / 20), 250))
  }
}
