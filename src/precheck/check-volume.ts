import { setTimeout as pause } from 'node:timers/promises'
import { sqlState } from '../errors/classify.ts'
import type { Database } from '../postgres/connect.ts'
import type { Check } from './check.ts'
import { passed, warning } from './finding.ts'
import type { Finding } from './finding.ts'
import { walPosition } from './wal-position.ts'
import type { WalPosition } from './wal-position.ts'
import { oidList } from './table-lists.ts'

/** What a copy with its indexes may come to, to tell seconds from hours: some of it is below, a fast disk and network are above. */
const BYTES_PER_SECOND = 40e6
/** Below, nobody's disk is in danger. */
const NOTEWORTHY_BYTES = 1e9
/** What the target takes beside the data while it comes in: WAL between two checkpoints, sorts of index builds. */
const BESIDE = 1.5
/** From the beginning of the precheck on, at least. */
const SAMPLE_MS = 500
const LOCK_NOT_AVAILABLE = '55P03'

export interface Volume {
  /** Of the selected tables with indexes and TOAST. */
  readonly bytes: number
  /** That the source writes now; null where no slot keeps it. */
  readonly walBytesPerSecond: number | null
}

/** SQL can't see a server's free space: the number is told, and from 1 GB on a person has to look. */
export function storageFinding({ bytes, walBytesPerSecond }: Volume): Finding {
  const seconds = bytes / BYTES_PER_SECOND
  const wal = (walBytesPerSecond ?? 0) * seconds
  const found =
    `the selected tables take ${size(bytes)} on the source with their indexes: the copy takes very roughly ${time(seconds)} (at ${size(BYTES_PER_SECOND)}/s)` +
    (walBytesPerSecond === null
      ? ''
      : `; the source writes ${size(walBytesPerSecond)} of WAL a second now, of which its slot keeps about ${size(wal)} until then`)
  if (bytes < NOTEWORTHY_BYTES && wal < NOTEWORTHY_BYTES) return passed(found)
  return warning(
    found,
    `Free space can't be seen by SQL. Look with df, or in the service's console, that the target has ${size(bytes * BESIDE)} free` +
      (wal > 0 ? `, and the source ${size(wal * 2)} for its WAL` : '') +
      '; then go on with the item in "ignoreWarnings".',
  )
}

export const storage: Check = {
  name: 'storage',
  expected: 'more free space on the target than the selected tables take, and on the source for the WAL that its slot keeps',
  applies: ({ full }) => full,
  run: async ({ source, tables, incremental, walAtStart }) => {
    const inTables = tables.reduce((sum, { bytes }) => sum + Number(bytes), 0)
    const bytes = inTables + (await indexBytes(source, oidList(tables)))
    return storageFinding({ bytes, walBytesPerSecond: incremental ? await walRate(source, walAtStart) : null })
  },
}

/** As of the last VACUUM or ANALYZE if a table is locked exclusively, since the exact size waits for it. */
async function indexBytes(source: Database, oids: string): Promise<number> {
  const total = async (ofTable: string): Promise<number> => {
    const [row] = await source.query<{ bytes: string }>(`select coalesce(sum(${ofTable}), 0) as bytes from unnest($1::oid[]) as oid`, [
      oids,
    ])
    return Number(row?.bytes ?? 0)
  }
  try {
    return await total('pg_indexes_size(oid)')
  } catch (error) {
    if (sqlState(error) !== LOCK_NOT_AVAILABLE) throw error
    return total(
      `(select sum(x.relpages::bigint) from pg_index i join pg_class x on x.oid = i.indexrelid where i.indrelid = oid) * current_setting('block_size')::bigint`,
    )
  }
}

async function walRate(source: Database, first: WalPosition): Promise<number> {
  await pause(Math.max(0, first.at + SAMPLE_MS - performance.now()))
  const second = await walPosition(source)
  return Math.max(0, ((second.bytes - first.bytes) * 1000) / (second.at - first.at))
}

function size(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`
  return bytes >= 1e6 ? `${Math.round(bytes / 1e6)} MB` : `${Math.ceil(bytes / 1e3)} kB`
}

function time(seconds: number): string {
  if (seconds >= 5400) return `${(seconds / 3600).toFixed(1)} hours`
  return seconds >= 90 ? `${Math.round(seconds / 60)} minutes` : `${Math.ceil(seconds)} s`
}
