import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { seededRandom } from '../../soak/random.ts'
import { server } from '../servers.ts'
import { faultRun } from './fault-run.ts'

/** How long a worker lives, in ms: it starts within about 2 s, so that some die at once and some amid their work. */
const SHORTEST_LIFE_MS = 2_500
const LONGEST_LIFE_MS = 6_000

/** From its first second and for so many, a migration under load has workers that are killed every few seconds; one that then lives ends it. */
export async function killedOften(seconds: number): Promise<void> {
  const run = await faultRun({ from: await server(13), to: await server(17) })
  const running = await run.migration.start({ ignoreWarnings: true })
  const random = seededRandom('killed often')
  const end = performance.now() + seconds * 1000
  let killed = 0
  for (; performance.now() < end; killed++) {
    const worker = await run.migration.worker()
    await Promise.race([pause(random.between(SHORTEST_LIFE_MS, LONGEST_LIFE_MS)), worker.child.ended])
    assert.ok(worker.child.running, `a worker ended by itself:\n${(await worker.log()).slice(-2000)}`)
    await worker.kill()
  }
  assert.ok(killed >= seconds / 10, `${killed} workers were killed`)
  await run.migration.worker()
  const report = await run.cutOver(running, 180)
  assert.deepEqual(report.left, [])
  await run.assertMoved()
}
