import { readFileSync } from 'node:fs'

/** USER_HZ, which is 100 on every Linux that Node.js runs on. */
const TICKS_PER_SECOND = 100

/** CPU time of a process since it began, in seconds (Linux). Throws if it has ended. */
export function cpuSeconds(pid: number): number {
  // utime and stime follow the command's name, which may hold anything but ends with the last parenthesis (proc(5)).
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}
