// To be imported first: the process then lives in a time of its own, which the test shifts by milliseconds in a file. Timers keep theirs, as
// they do when a machine's clock is set.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const FILE = 'clock'
const folder = process.env['PGMOVE_TEST_FAILPOINTS']
const TrueDate = Date

/** The test's side: holds for what its workers look at from now on. */
export function shiftClock(of: string, ms: number): void {
  const file = path.join(of, FILE)
  writeFileSync(`${file}.new`, String(ms))
  renameSync(`${file}.new`, file)
}

function now(): number {
  const file = path.join(folder ?? '', FILE)
  return TrueDate.now() + (existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0)
}

if (folder !== undefined) {
  globalThis.Date = new Proxy(TrueDate, {
    get: (target, key, receiver) => (key === 'now' ? now : (Reflect.get(target, key, receiver) as unknown)),
    construct: (target, args: unknown[], self) => Reflect.construct(target, args.length === 0 ? [now()] : args, self) as object,
    apply: () => new TrueDate(now()).toString(),
  })
}
