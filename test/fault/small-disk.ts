import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after } from 'node:test'
import { unprivilegedUser } from '../../dev/unprivileged-user.ts'
// Its hook ends the servers before the one below takes their disks away.
import '../servers.ts'

const mounted: (() => void)[] = []
after(() => {
  for (const unmount of mounted) unmount()
})

/** A file system of its own that can be filled up. Unmounted after the file's tests. */
export interface SmallDisk {
  /** Empty, and owned by whom the servers run as. */
  readonly folder: string
  /** Takes all but so many kilobytes of what is free. */
  fill(leave: number): void
  /** Gives back what `fill` has taken. */
  free(): void
}

/** Undefined where this user may not mount: not root, and without password-less sudo. */
export function smallDisk(megabytes: number): SmallDisk | undefined {
  const base = mkdtempSync(path.join(os.tmpdir(), 'pgmove-disk-'))
  const user = unprivilegedUser()
  const owner = `uid=${user.uid ?? process.getuid?.()},gid=${user.gid ?? process.getgid?.()}`
  const asRoot = (command: string, args: readonly string[]): boolean => {
    const [program = command, ...rest] = process.getuid?.() === 0 ? [command, ...args] : ['sudo', '-n', command, ...args]
    try {
      execFileSync(program, rest, { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  }
  if (!asRoot('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0700,${owner}`, 'pgmove-test', base])) {
    rmSync(base, { recursive: true, force: true })
    return undefined
  }
  mounted.push(() => {
    // The server may still hold it for a moment.
    asRoot('umount', ['-l', base])
    rmSync(base, { recursive: true, force: true })
  })
  const folder = path.join(base, 'data')
  execFileSync('mkdir', [folder], user)
  const ballast = path.join(base, 'ballast')
  return {
    folder,
    fill: (leave) => {
      const { bavail, bsize } = statfsSync(base)
      writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - leave * 1024)))
    },
    free: () => rmSync(ballast, { force: true }),
  }
}
