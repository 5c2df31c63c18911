import { readFileSync } from 'node:fs'

/** USER_HZ, which is 100 on every Linux that Node.js runs on. */
const TICKS_PER_SECOND = 100

/** CPU time of a process since it began, in seconds (Linux). Throws if it has ended. */
export function cpuSeconds(pid: number): number {
  const { own } = ticks(pid)
  return own / TICKS_PER_SECOND
}

/** CPU time of a server since it began, in seconds (Linux): of its postmaster, of its other processes, and of those that have ended. */
export function serverCpuSeconds(postmaster: number): number {
  const { own, waitedFor } = ticks(postmaster)
  let all = own + waitedFor
  for (const child of readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8').trim().split(' ').filter(Boolean)) {
    try {
      all += ticks(Number(child)).own
    } catch {
      // It has ended since, and counts among those the next time.
    }
  }
  return all / TICKS_PER_SECOND
}

function ticks(pid: number): { own: number; waitedFor: number } {
  // utime, stime, cutime and cstime follow the command's name, which may hold anything but ends with the last parenthesis (proc(5)).
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  const [utime = 0, stime = 0, cutime = 0, cstime = 0] = fields.slice(11, 15).map(Number)
  return { own: utime + stime, waitedFor: cutime + cstime }
}
