import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { NativeConnection, Worker } from '@temporalio/worker'
import { eventually, temporal, uniqueName } from '../servers.ts'

const script = fileURLToPath(new URL('../../src/worker-health.ts', import.meta.url))

function health(address: string, taskQueue: string): Promise<{ code: number; stderr: string }> {
  const env = { ...process.env, TEMPORAL_ADDRESS: address, PGMOVE_TASK_QUEUE: taskQueue }
  return new Promise((resolve) => {
    execFile(process.execPath, ['--import', 'tsx', script], { env }, (error, _stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stderr })
    })
  })
}

test('the health check of a container passes only while a worker of this host polls', async () => {
  const { address } = await temporal()
  const taskQueue = uniqueName('health')
  const without = await health(address, taskQueue)
  assert.equal(without.code, 1)
  assert.match(without.stderr, /^No worker of .* has polled the task queue health_/)

  const connection = await NativeConnection.connect({ address })
  const worker = await Worker.create({ connection, taskQueue, activities: { idle: async () => {} } })
  await worker.runUntil(eventually('a healthy worker', 30, async () => (await health(address, taskQueue)).code === 0))
  await connection.close()
})
