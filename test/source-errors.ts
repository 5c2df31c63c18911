import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { after } from 'node:test'
import { errorPolicy, HINTS } from '../src/errors/error-policy.ts'
import type { ErrorPolicy } from '../src/errors/error-policy.ts'
import type { ErrorKind } from '../src/errors/error-kind.ts'
import { MigrationError } from '../src/errors/migration-error.ts'
import { connect } from '../src/postgres/connect.ts'
import type { ConnectOptions, Database } from '../src/postgres/connect.ts'
import { parseLsn } from '../src/postgres/lsn.ts'
import { resolveConnection } from '../src/postgres/resolve-connection.ts'
import { checkSlot } from '../src/source/check-slot.ts'
import { checkTimeline } from '../src/source/check-timeline.ts'
import { beat, HEARTBEAT_SETTINGS } from '../src/source/heartbeat.ts'
import { connectWalsender } from '../src/source/source-identity.ts'
import { sourcePosition } from '../src/source/source-position.ts'
import { readMigrationRecord } from '../src/state/migration-record.ts'
import { prepareHandoff } from './handoff-run.ts'
import { migrationFixture } from './migration-fixture.ts'
import { becomeStandby, promote } from './promote.ts'
import { database, eventually, ownServer, server } from './servers.ts'

const ROLES = `
  create role secretive login password 'right';
  create role unlisted login;
  create role sleeper nologin;
  create role humble login;
  create role crowd login connection limit 0;
  create table hidden (id int);
`
const never = new AbortController().signal

const open: Database[] = []
after(async () => {
  for (const session of open) await session.close()
})

/** Fails unless `work` fails with that kind and SQLSTATE, on the source, with a message and a hint, and is met by that policy. */
async function assertFails(what: string, [kind, policy, says]: Expected, work: () => Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error: unknown) => {
    assert.ok(error instanceof MigrationError, `${what}: ${String(error)}`)
    assert.deepEqual([error.kind, errorPolicy(error.kind)], [kind, policy], `${what}: ${error.message}`)
    assert.equal(error.side, 'source', what)
    assert.match(error.message, says, what)
    assert.ok(error.message.length < 1024 && HINTS[error.kind].length > 10)
    return true
  })
}

type Expected = readonly [kind: ErrorKind, policy: ErrorPolicy, says: RegExp]

/** Meets every error of a source with a server of `major`, and fails unless each is told as what it is. */
export async function meetSourceErrors(major: number): Promise<void> {
  const own = await ownServer(major)
  const fixture = await migrationFixture(own, await server(17), 'create table t (id int primary key)')
  const { source, target } = fixture
  const session = async (role = 'postgres', name = source.name, more: Partial<ConnectOptions> = {}): Promise<Database> => {
    const resolved = await resolveConnection({ url: own.url(name, role) }, 'source', { PGPASSWORD: 'wrong' })
    const opened = await connect(resolved, { side: 'source', applicationName: 'test', ...more })
    open.push(opened)
    return opened
  }
  const closed = await database(own)
  await source.sql(`${ROLES} revoke connect on database ${closed.name} from public`)
  const [{ hba = '' } = {}] = await source.sql(`select current_setting('hba_file') as hba`)
  const lines = `host all secretive all md5\nhost all unlisted all reject\n${await readFile(hba ?? '', 'utf8')}`
  await writeFile(hba ?? '', lines)
  await source.sql('select pg_reload_conf()')
  await eventually('the new rules', 10, () =>
    session('unlisted').then(
      () => false,
      () => true,
    ),
  )

  const wait = 'wait'
  await assertFails('a wrong password', ['AuthenticationFailed', wait, /28P01/], () => session('secretive'))
  await assertFails('a host that is not let in', ['AuthenticationFailed', wait, /28000/], () => session('unlisted'))
  await assertFails('a role that may not log in', ['AuthenticationFailed', wait, /28000/], () => session('sleeper'))
  await assertFails('a role that is missing', ['AuthenticationFailed', wait, /28000/], () => session('nobody'))
  await assertFails('no right to connect', ['InsufficientPrivilege', wait, /42501/], () => session('humble', closed.name))
  await assertFails('no right to replicate', ['InsufficientPrivilege', wait, /42501/], () =>
    session('humble', source.name, { replication: true }),
  )
  await assertFails('no right to read', ['InsufficientPrivilege', wait, /42501/], async () =>
    (await session('humble')).query('select from public.hidden'),
  )
  await assertFails('no such database', ['DatabaseMissing', wait, /3D000/], () => session('postgres', 'nowhere'))
  await assertFails('too many connections', ['OutOfResources', wait, /53300/], () => session('crowd'))
  await assertFails('an error that nobody knows', ['Internal', wait, /42601/], async () => (await session()).query('selekt'))

  await prepareHandoff(fixture)
  const [locking, beating, ended] = [
    await session(),
    await session('postgres', source.name, { lockTimeoutMs: 2000, settings: { ...HEARTBEAT_SETTINGS, statement_timeout: '200' } }),
    await session(),
  ]
  await beat(beating, fixture.id)
  await locking.query('begin')
  await locking.query('select from pgmove.dts_postgres_heartbeat for update')
  await assertFails('a heartbeat that hangs', ['LockTimeout', 'retry', /55P03|57014/], () => beat(beating, fixture.id))
  await locking.query('rollback')
  const statement = assertFails('a statement that somebody cancels', ['LockTimeout', 'retry', /57014/], () =>
    beating.query('set statement_timeout = 0; select pg_sleep(60)'),
  )
  await eventually(
    'the cancel',
    10,
    async () =>
      (await source.sql(`select pg_cancel_backend(pid) from pg_stat_activity where query ~ '[s]leep' and state = 'active'`)).length > 0,
  )
  await statement
  const [{ pid = '' } = {}] = await ended.query('select pg_backend_pid() as pid')
  await source.sql('select pg_terminate_backend($1::int)', [pid])
  await assertFails('a session that somebody ends', ['ConnectionLost', 'retry', /57P01|terminated|terminating/], () =>
    ended.query('select 1'),
  )

  const records = await fixture.session('target', 'check')
  const record = await readMigrationRecord(records, fixture.id)
  const slot = record.slot ?? ''
  const check = async (on = fixture.sourceConnection, applied = 0n): Promise<void> => {
    const opened = await connect(on, { side: 'source', applicationName: 'check' })
    open.push(opened)
    const progress = { commitLsn: applied, confirmedLsn: applied }
    await checkSlot({ source: opened, sourceConnection: on, target: records, record, progress, signal: never })
  }
  await check()
  const other = await resolveConnection({ url: target.url }, 'source', {})
  await assertFails('another cluster', ['SourceReplaced', 'end', /system identifier \d+ instead of \d+/], () => check(other))

  await becomeStandby(own)
  await assertFails('a server that is a standby now', ['ConnectionLost', 'retry', /25006/], async () => beat(await session(), fixture.id))
  await promote(own)
  const primary = await session()
  await source.sql('insert into t values (1)')
  const now = await sourcePosition(primary)
  const judge = async (applied: bigint): Promise<void> => {
    const walsender = await connectWalsender(primary, fixture.sourceConnection, 'check', never)
    await checkTimeline(walsender, records, record, applied).finally(() => walsender.close())
  }
  await assertFails('a timeline that lacks what was applied', ['SourceReplaced', 'end', /timeline 2 left timeline 1 at/], () => judge(now))
  await judge(parseLsn(record.consistent_point ?? ''))

  await source.sql(`select pg_drop_replication_slot('${slot}')`)
  await assertFails('a slot that is gone', ['SlotLost', 'end', new RegExp(slot)], () => check())
  await source.sql(`select pg_create_logical_replication_slot('${slot}', 'pgoutput')`)
  await assertFails('a slot that was made anew', ['SlotReplaced', 'end', new RegExp(slot)], () => check())

  await own.crash()
  await assertFails('a server that is away', ['ConnectionLost', 'retry', /ECONNREFUSED/], () => session())
  await assertFails(
    'a session that its server has left',
    ['ConnectionLost', 'retry', /57P02|terminated|terminating|ended|ECONNRESET/],
    () => primary.query('select 1'),
  )
}
