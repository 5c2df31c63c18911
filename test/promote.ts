import { chown, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { PostgresServer } from '../dev/postgres-server.ts'
import { unprivilegedUser } from '../dev/unprivileged-user.ts'
import { eventually, sql } from './servers.ts'

async function dataFolder(server: PostgresServer): Promise<string> {
  const [{ folder } = {}] = await sql(server.url('postgres'), `select current_setting('data_directory') as folder`)
  return folder ?? ''
}

/** A file that the server may rename. */
async function put(file: string, text: string): Promise<void> {
  await writeFile(file, text)
  const { uid, gid } = unprivilegedUser()
  if (uid !== undefined && gid !== undefined) await chown(file, uid, gid)
}

/** Starts a server again as a standby of nobody, with all that it has, its slots too. `data` is to be given if it does not run. */
export async function becomeStandby(server: PostgresServer, data?: string): Promise<void> {
  const folder = data ?? (await dataFolder(server))
  if (server.major >= 12) await put(path.join(folder, 'standby.signal'), '')
  else await put(path.join(folder, 'recovery.conf'), `standby_mode = 'on'\n`)
  await server.restart()
}

/** Makes a standby the primary of a new timeline. */
export async function promote(server: PostgresServer): Promise<void> {
  if (server.major >= 12) await sql(server.url('postgres'), 'select pg_promote()')
  else {
    // As pg_ctl does.
    await put(path.join(await dataFolder(server), 'promote'), '')
    process.kill(server.pid, 'SIGUSR1')
  }
  await eventually('the promotion', 30, async () => {
    const [row] = await sql(server.url('postgres'), 'select pg_is_in_recovery() as standby')
    return row?.['standby'] === 'f'
  })
}
