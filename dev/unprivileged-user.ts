import { execFileSync } from 'node:child_process'

const NAME = 'pgmove-dev'

let user: { uid: number; gid: number } | undefined

/** Whom to run PostgreSQL as, since it refuses root: for root a system user made on first use, else nothing to change. */
export function unprivilegedUser(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {}
  return (user ??= systemUser())
}

function systemUser(): { uid: number; gid: number } {
  try {
    return ids()
  } catch {
    try {
      execFileSync('useradd', ['--system', '--no-create-home', '--shell', '/usr/sbin/nologin', NAME], { stdio: 'ignore' })
    } catch {
      // Another process may have made it at the same moment: the next look-up decides.
    }
  }
  try {
    return ids()
  } catch (error) {
    throw new Error(`PostgreSQL refuses to run as root, and the user ${NAME} could not be made: run as another user, or make it by hand`, {
      cause: error,
    })
  }
}

function ids(): { uid: number; gid: number } {
  const id = (flag: string) => Number(execFileSync('id', [flag, NAME], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
  return { uid: id('-u'), gid: id('-g') }
}
