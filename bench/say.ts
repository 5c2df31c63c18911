/** Tells on standard error what is being done, with the time: standard output is for the figures. */
export function say(line: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`)
}
