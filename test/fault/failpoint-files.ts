import { closeSync, existsSync, openSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Failpoint } from '../../src/activities/failpoints.ts'

/** Environment variable with the folder of the orders. */
export const FOLDER_VARIABLE = 'PGMOVE_TEST_FAILPOINTS'

/** `hang` keeps the worker's event loop busy, so that it does not even heartbeat. */
type Order = 'die' | 'stand' | 'hang'

/** Orders to workers, one file each, so that they hold for every worker of a migration and outlive it. Each is followed once. */
export interface FailpointOrders {
  /** Lets the next worker that comes by die, or stand still or hang until `release`. */
  order(name: Failpoint, order: Order): void
  release(name: Failpoint): void
  /** Whether a worker came by and followed the order. */
  followed(name: Failpoint): boolean
}

/** The test's side. */
export function failpointOrders(folder: string): FailpointOrders {
  return {
    order: (name, order) => writeFileSync(file(folder, name, order), ''),
    release: (name) => {
      for (const order of ['stand', 'hang'] as const) rmSync(file(folder, name, order), { force: true })
    },
    followed: (name) => existsSync(file(folder, name, 'followed')),
  }
}

/** The worker's side: what its activities call at a failpoint. */
export function followOrders(folder: string): (name: Failpoint) => void | Promise<void> {
  const standing = async (name: Failpoint): Promise<void> => {
    while (existsSync(file(folder, name, 'stand'))) await pause(50)
  }
  return (name) => {
    const order = (['die', 'stand', 'hang'] as const).find((one) => existsSync(file(folder, name, one)))
    if (!order || !claim(file(folder, name, 'followed'))) return
    if (order === 'stand') return standing(name)
    if (order === 'hang') {
      const nothing = new Int32Array(new SharedArrayBuffer(4))
      while (existsSync(file(folder, name, 'hang'))) Atomics.wait(nothing, 0, 0, 50)
      return
    }
    process.kill(process.pid, 'SIGKILL')
  }
}

/** Of several workers at the same failpoint one follows. */
function claim(name: string): boolean {
  try {
    closeSync(openSync(name, 'wx'))
    return true
  } catch {
    return false
  }
}

function file(folder: string, name: Failpoint, what: Order | 'followed'): string {
  return path.join(folder, `${name.replaceAll(' ', '-')}.${what}`)
}
