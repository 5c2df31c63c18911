import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { eventually, ownServer, server } from '../servers.ts'
import { faultRun, LIMIT } from './fault-run.ts'
import { wayTo } from './way-to.ts'

const CUTS = 12

describe('the stream is cut', { concurrency: 3 }, () => {
  test('sessions are ended on both sides many times, under two workers: nothing is lost, nothing comes twice', LIMIT, async () => {
    const run = await faultRun({ from: await server(13), to: await server(17), rate: 150 })
    const { source, target, writer } = run
    await run.migration.worker()
    await run.migration.worker()
    const running = await run.migration.start({ ignoreWarnings: true })
    await running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed, 120)
    for (let cut = 0; cut < CUTS; cut++) {
      const [on, what] = [
        [source, 'stream'],
        [target, 'apply'],
        [source, 'heartbeat'],
      ][cut % 3] as [typeof source, string]
      await eventually(`a session "${what}" to end`, 60, async () => {
        const ended = await on.sql(
          `select pg_terminate_backend(pid) as ended from pg_stat_activity where datname = current_database() and application_name like 'pgmove % ${what}'`,
        )
        return ended.some((row) => row['ended'] === 't')
      })
      const commits = writer.commits
      await eventually('more transactions', 30, () => writer.commits > commits + 30)
    }
    const report = await run.cutOver(running)
    assert.deepEqual(report.left, [])
    await run.assertMoved()
  })

  test('a network that swallows everything for longer than wal_sender_timeout', LIMIT, async () => {
    const from = await ownServer(13, { settings: { wal_sender_timeout: '3s' } })
    const way = await wayTo(from)
    const run = await faultRun({ from, to: await server(17), through: { source: (url) => way.through(url) } })
    const { source, writer } = run
    await run.migration.worker()
    const running = await run.migration.start({ ignoreWarnings: true })
    await running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed, 120)
    way.silence()
    await eventually('the end of the walsender', 30, async () => {
      const [slot] = await source.sql(`select active from pg_replication_slots where database = current_database()`)
      return slot?.['active'] === 'f'
    })
    const commits = writer.commits
    await eventually('more transactions', 30, () => writer.commits > commits + 50)
    way.silence(false)
    const report = await run.cutOver(running)
    assert.deepEqual(report.left, [])
    await run.assertMoved()
  })

  test('the connection to the target breaks after COMMIT was sent, before its answer, ten times', LIMIT, async () => {
    const to = await server(17)
    const way = await wayTo(to)
    const run = await faultRun({ from: await server(13), to, through: { target: (url) => way.through(url) } })
    const { writer } = run
    await run.migration.worker()
    const running = await run.migration.start({ ignoreWarnings: true })
    await running.reach('undelayed replication', (s) => s.phase === 'incremental' && s.undelayed, 120)
    for (let round = 1; round <= 10; round++) {
      const commits = writer.commits
      // Other sessions on the target commit too; the applier's last statement before is the progress.
      way.cutCommits(1)
      await eventually('a cut', 60, () => way.brokenCommits === round)
      await eventually('more transactions', 30, () => writer.commits > commits + 20)
    }
    const report = await run.cutOver(running)
    assert.deepEqual(report.left, [])
    await run.assertMoved()
  })
})
