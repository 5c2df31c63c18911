import type { Database } from '../postgres/connect.ts'
import { managedService, setParameter, walLevelFix } from '../diagnosis/managed-service.ts'
import { readWalLevel } from '../source/wal-level.ts'
import { slotName } from '../state/migration-ref.ts'
import type { Check } from './check.ts'
import { failed, passed, warning } from './finding.ts'
import type { PrecheckContext } from './precheck-context.ts'

const incrementalOnly = ({ incremental }: PrecheckContext): boolean => incremental

export const walLevel: Check = {
  name: 'wal_level',
  expected: 'wal_level = logical on the source',
  applies: incrementalOnly,
  run: async ({ source }) => {
    const { level, pending } = await readWalLevel(source)
    if (level === 'logical') return passed(level)
    if (pending) return failed(`${level}; a change waits for a restart`, 'Restart the source.')
    return failed(level, `On the source: ${walLevelFix(await managedService(source))}`)
  },
}

export const replicationSlots: Check = {
  name: 'replication_slots',
  expected: 'a free replication slot on the source',
  applies: incrementalOnly,
  run: async ({ source, id }) => {
    const [row] = await source.query<{ most: string; used: string; own: string }>(
      `select current_setting('max_replication_slots') as most, count(*) as used, count(*) filter (where slot_name = $1) as own
         from pg_replication_slots`,
      [slotName(id)],
    )
    const [most, used, own] = [Number(row?.most), Number(row?.used), Number(row?.own)]
    const found = `${used} of max_replication_slots = ${most} in use`
    return own > 0 || used < most
      ? passed(found)
      : failed(found, `Drop slots that nobody needs, or on the source: ${await oneMore(source, 'max_replication_slots', most)}`)
  },
}

export const walSenders: Check = {
  name: 'wal_senders',
  expected: 'a free WAL sender on the source',
  applies: incrementalOnly,
  run: async ({ source }) => {
    const [row] = await source.query<{ most: string; used: string }>(
      `select current_setting('max_wal_senders') as most, count(*) as used from pg_stat_replication`,
    )
    const [most, used] = [Number(row?.most), Number(row?.used)]
    const found = `${used} of max_wal_senders = ${most} in use`
    return used < most
      ? passed(found)
      : failed(found, `End replication connections that nobody needs, or on the source: ${await oneMore(source, 'max_wal_senders', most)}`)
  },
}

async function oneMore(source: Database, name: string, now: number): Promise<string> {
  return setParameter(await managedService(source), name, String(now + 1), 'restart')
}

/** What lets the server invalidate a slot that lags or waits: then the migration is lost. */
export const slotLimits: Check = {
  name: 'slot_limits',
  expected: 'the source keeps the WAL and the slot as long as pgmove needs them',
  applies: incrementalOnly,
  run: async ({ source }) => {
    const limits = [
      { name: 'max_slot_wal_keep_size', off: '-1' },
      { name: 'idle_replication_slot_timeout', off: '0' },
    ]
    const set: string[] = []
    const fixes: string[] = []
    const service = await managedService(source)
    for (const { name, off } of limits) {
      const value = await setting(source, name)
      if (value === null || value === off) continue
      set.push(`${name} = ${value}`)
      fixes.push(setParameter(service, name, off, 'reload'))
    }
    if (set.length === 0) return passed('no limit')
    return warning(
      set.join(', '),
      `Once a limit is passed the slot is lost and the migration ends (the item storage tells how much WAL the slot may keep). On the source: ${fixes.join(' ')} Then watch the disk.`,
    )
  },
}

/** Null if this version does not have it. */
async function setting(database: Database, name: string): Promise<string | null> {
  const [row] = await database.query<{ value: string | null }>('select current_setting($1, true) as value', [name])
  return row?.value ?? null
}
