import { ChangedMind, TRANSACTIONS } from '../demo/transactions.ts'
import type { Transaction, Work } from '../demo/transactions.ts'

/** Rows of the tables in soak.sql that the transactions choose from. */
const SEATS = 200
const RANKS = 50
const PLACES = 5
/** As many tables `soak.bulk_n` there are at least. */
export const LEAST_BULK = 4

/** The shop's transactions, and those on soak.sql's tables. */
export const SOAK_TRANSACTIONS: readonly Transaction[] = [
  ...TRANSACTIONS,
  { kind: 'swap', weight: 8, run: swapSeats },
  { kind: 'deferred swap', weight: 4, run: swapRanks },
  { kind: 'new document', weight: 1, run: addDocument },
  { kind: 'read document', weight: 5, run: readDocument },
  { kind: 'renumber document', weight: 2, run: renumberDocument },
  { kind: 'throw document away', weight: 3, run: dropDocument },
  { kind: 'change bulk', weight: 6, run: changeBulk },
  { kind: 'ticks', weight: 6, run: addTicks },
  { kind: 'change ticks', weight: 3, run: changeTicks },
  { kind: 'delete ticks', weight: 3, run: deleteTicks },
  { kind: 'truncate batches', weight: 2, run: truncateBatches },
  { kind: 'many subtransactions', weight: 1, run: manySubtransactions },
  { kind: 'many rows', weight: 1, run: manyRows },
  { kind: 'there and gone', weight: 2, run: thereAndGone },
]

/** Two rows trade their codes by way of a third one, as a unique key asks for. Locked in the order of their ids. */
async function swapSeats({ query, random }: Work): Promise<void> {
  const first = 1 + random(SEATS - 1)
  const second = first + 1 + random(SEATS - first)
  const rows = await query('select id, code from soak.seats where id = any ($1::integer[]) order by id for update', [[first, second]])
  const [one, two] = rows.map((row) => row['code'])
  if (!one || !two) throw new ChangedMind('another session makes the row anew')
  await query(`update soak.seats set code = 'between ' || id where id = $1`, [first])
  await query('update soak.seats set code = $2, moves = moves + 1 where id = $1', [second, one])
  await query('update soak.seats set code = $2, moves = moves + 1 where id = $1', [first, two])
}

/** The key is checked at the end. */
async function swapRanks({ query, random }: Work): Promise<void> {
  const first = 1 + random(RANKS - 1)
  const second = first + 1 + random(RANKS - first)
  await query('select from soak.ranks where id = any ($1::integer[]) order by id for update', [[first, second]])
  await query(
    `update soak.ranks r set rank = o.rank from soak.ranks o
     where r.id in ($1::integer, $2::integer) and o.id in ($1::integer, $2::integer) and r.id <> o.id`,
    [first, second],
  )
}

/** 60 to 600 KB that hardly compress. */
async function addDocument({ query, random }: Work): Promise<void> {
  await query(
    `insert into soak.documents (title, body)
     select 'added', string_agg(md5($1::text || i), '') from generate_series(1, $2::integer) i`,
    [String(random(1_000_000)), 2000 + random(17_000)],
  )
}

const SOME_DOCUMENT = `select id from soak.documents order by id offset $1::integer limit 1`

/** The body stays as it is, out of line. */
async function readDocument({ query, random }: Work): Promise<void> {
  await query(`update soak.documents set reads = reads + 1 where id = (${SOME_DOCUMENT})`, [random(60)])
}

/** Another key, and the body out of line again. */
async function renumberDocument({ query, random }: Work): Promise<void> {
  await query(`update soak.documents set id = nextval('soak.documents_id_seq') where id = (${SOME_DOCUMENT})`, [random(60)])
}

async function dropDocument({ query, random }: Work): Promise<void> {
  await query(`delete from soak.documents where id = (${SOME_DOCUMENT}) and (select count(*) from soak.documents) > 50`, [random(60)])
}

/** While it is copied too. */
async function changeBulk({ query, random }: Work): Promise<void> {
  await query(`update soak.bulk_${1 + random(LEAST_BULK)} set version = version + 1 where id between $1::integer and $1::integer + 3`, [
    1 + random(5000),
  ])
}

async function addTicks({ query, random }: Work): Promise<void> {
  const values = [`place ${random(PLACES)}`, random(3), random(2) ? 'noted' : null]
  await query('insert into soak.ticks select $1::text, $2::integer, $3::text from generate_series(1, $4::integer)', [
    ...values,
    1 + random(3),
  ])
}

async function changeTicks({ query, random }: Work): Promise<void> {
  await query(
    `update soak.ticks set value = value + 1, note = nullif(note, 'even')
     where ctid = any (array (select ctid from soak.ticks where place = $1 limit 2 for update))`,
    [`place ${random(PLACES)}`],
  )
}

async function deleteTicks({ query, random }: Work): Promise<void> {
  await query(`delete from soak.ticks where ctid = any (array (select ctid from soak.ticks where place = $1 limit 2 for update))`, [
    `place ${random(PLACES)}`,
  ])
}

/** Two tables with a foreign key between them, and a sequence that begins anew. */
async function truncateBatches({ query, random }: Work): Promise<void> {
  await query('truncate soak.batches, soak.batch_lines restart identity')
  for (let batch = 0; batch < 2; batch++) {
    await query('insert into soak.batches (name) values ($1)', [`batch ${random(1000)}`])
    await query(
      `insert into soak.batch_lines select max(id), n, md5(n::text) from soak.batches, generate_series(1, $1::integer) n group by n`,
      [1 + random(20)],
    )
  }
}

/** More than the 64 that a session keeps in shared memory; every third is rolled back. */
async function manySubtransactions({ query }: Work): Promise<void> {
  await query(`do $$ begin
    for n in 1 .. 90 loop
      begin
        insert into soak.attempts (attempt) values (n);
        if n % 3 = 0 then raise exception 'no'; end if;
      exception when raise_exception then null;
      end;
    end loop; end $$`)
}

async function manyRows({ query, random }: Work): Promise<void> {
  await query(`insert into soak.attempts (attempt, note) select n, md5(n::text) from generate_series(1, $1::integer) n`, [
    500 + random(1500),
  ])
  await query(`delete from soak.attempts where id < (select max(id) - 3000 from soak.attempts)`)
}

/** One row that is made, changed and deleted, and one that comes back under its old key. */
async function thereAndGone({ query, random }: Work): Promise<void> {
  const id = -1 - random(1000)
  await query(`insert into soak.attempts (id, attempt) values ($1, 0)`, [id])
  await query(`update soak.attempts set attempt = attempt + 1, note = 'soon gone' where id = $1`, [id])
  await query(`delete from soak.attempts where id = $1`, [id])
  const seat = 1 + random(SEATS)
  const [row] = await query(`delete from soak.seats where id = $1 returning code`, [seat])
  if (!row) throw new ChangedMind('another session makes the row anew')
  await query(`insert into soak.seats (id, code) values ($1, $2)`, [seat, row['code']])
}
