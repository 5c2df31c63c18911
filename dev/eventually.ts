import { setTimeout as pause } from 'node:timers/promises'

/**
 * Waits until `condition` gives something truthy, and returns it.
 *
 * @param what names the condition in the error
 * @param seconds how long to wait; an error thrown by the condition ends the wait at once
 */
export async function eventually<T>(what: string, seconds: number, condition: () => T | Promise<T>): Promise<NonNullable<T>> {
  const deadline = Date.now() + seconds * 1000
  for (;;) {
    const value = await condition()
    if (value) return value
    if (Date.now() > deadline) throw new Error(`${what}: not within ${seconds} s`)
    await pause(50)
  }
}
