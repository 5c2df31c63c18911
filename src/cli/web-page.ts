import type { Temporal } from './temporal-connection.ts'

const ASK_MS = 500
/** `temporal server start-dev` serves its Web UI on a port so much above its own. */
const DEV_SERVER_OFFSET = 1000

/**
 * The address of a workflow in the Web UI: by PGMOVE_WEB_UI, else where Temporal Cloud or a development server on this machine has it; undefined where
 * it is not known.
 */
export async function webPage(
  { address, namespace }: Pick<Temporal, 'address' | 'namespace'>,
  env: NodeJS.ProcessEnv,
  workflowId: string,
  runId: string,
): Promise<string | undefined> {
  const base = env['PGMOVE_WEB_UI'] || cloud(address) || (await developmentServer(address))
  if (!base) return undefined
  const parts = [namespace, 'workflows', workflowId, runId].map(encodeURIComponent)
  return `${base.replace(/\/$/, '')}/namespaces/${parts.join('/')}`
}

function cloud(address: string): string | undefined {
  return /\.(tmprl\.cloud|api\.temporal\.io)(:\d+)?$/.test(address) ? 'https://cloud.temporal.io' : undefined
}

async function developmentServer(address: string): Promise<string | undefined> {
  const match = /^(localhost|127\.0\.0\.1|\[::1\]):(\d+)$/.exec(address)
  if (!match) return undefined
  const base = `http://${match[1]}:${Number(match[2]) + DEV_SERVER_OFFSET}`
  try {
    const { ok } = await fetch(`${base}/api/v1/settings`, { signal: AbortSignal.timeout(ASK_MS) })
    return ok ? base : undefined
  } catch {
    return undefined
  }
}
