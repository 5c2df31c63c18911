import { execFile } from 'node:child_process'
import { chown, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import type { PostgresServer } from '../../dev/postgres-server.ts'
import { unprivilegedUser } from '../../dev/unprivileged-user.ts'
import { clientProgram } from '../../src/postgres/client-program.ts'
import { sql } from '../servers.ts'

const run = promisify(execFile)

export const EPOCH = 2 ** 32
/** A segment of the commit log: 32 pages of 8 KB, two bits a transaction (src/backend/access/transam/clog.c). */
const SEGMENT_BYTES = 32 * 8192
const SEGMENT_XIDS = SEGMENT_BYTES * 4
/** Nothing may be older than half of all transaction IDs: they are passed in steps, and everything is frozen at each. */
const STEPS = [1_500_000_000, 3_000_000_000]

/**
 * Sets a server's next transaction ID to so many before 2^32, where 32 bits begin again and the epoch is counted up. `pg_resetwal` is of
 * one major only: 18.
 */
export async function nearEpochEnd(server: PostgresServer, left: number): Promise<void> {
  const resetwal = await clientProgram('pg_resetwal', server.major)
  const user = unprivilegedUser()
  const admin = server.url('postgres')
  const [{ folder = null } = {}] = await sql(admin, `select current_setting('data_directory') as folder`)
  if (folder === null) throw new Error('the server does not say where its data are')
  await sql(admin, `update pg_database set datallowconn = true where datname = 'template0'`)
  for (const xid of [...STEPS, EPOCH - left]) {
    await server.halt()
    const segment = Math.floor(xid / SEGMENT_XIDS)
    const file = path.join(folder, 'pg_xact', segment.toString(16).toUpperCase().padStart(4, '0'))
    await writeFile(file, Buffer.alloc(SEGMENT_BYTES))
    if (user.uid !== undefined && user.gid !== undefined) await chown(file, user.uid, user.gid)
    await run(resetwal, ['-x', String(xid), '-D', folder], { ...user, cwd: '/' })
    await server.restart()
    for (const name of ['template0', 'template1', 'postgres']) await sql(server.url(name), 'vacuum freeze')
  }
  await sql(admin, `update pg_database set datallowconn = false where datname = 'template0'`)
}

/** Uses up transaction IDs until the epoch has ended. */
export async function endEpoch(url: string): Promise<void> {
  const left = EPOCH - (await nextXid(url))
  // A subtransaction that writes has an ID of its own.
  await sql(
    url,
    `do $$ begin for i in 0..${left} loop begin create temporary table burnt (); raise sqlstate 'P0001'; exception when sqlstate 'P0001' then null; end; end loop; end $$`,
  )
}

/** In 64 bits: above 2^32 in the next epoch. */
export async function nextXid(url: string): Promise<number> {
  const [row] = await sql(url, 'select pg_current_xact_id()::text as xid')
  return Number(row?.['xid'])
}
