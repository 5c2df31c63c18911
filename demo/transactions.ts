import { randomUUID } from 'node:crypto'
import type { Row } from './session.ts'

/** What a transaction of the application works with. */
export interface Work {
  readonly query: (text: string, values?: readonly unknown[]) => Promise<Row[]>
  /** A whole number from 0 to below `limit`. */
  readonly random: (limit: number) => number
  /** Where the shop's ids lie, read when the writer started. */
  readonly shop: ShopRange
}

export interface ShopRange {
  readonly version: number
  readonly customers: number
  readonly products: number
  readonly firstOrder: number
  readonly orders: number
}

/** Thrown by a transaction that changes its mind: everything is rolled back. */
export class ChangedMind extends Error {}

export interface Transaction {
  readonly kind: string
  /** How often it runs, against the sum of all. */
  readonly weight: number
  readonly run: (work: Work) => Promise<unknown>
}

const FIRST_PRODUCT = 1000
const VIEWED = `timestamptz '2026-07-01 00:00+00' + $1 * interval '1 second'`
const VIEWED_SECONDS = 120 * 86_400

/** What the application does, in the mix in which it does it. */
export const TRANSACTIONS: readonly Transaction[] = [
  { kind: 'order', weight: 22, run: placeOrder },
  { kind: 'pay', weight: 14, run: pay },
  { kind: 'ship', weight: 10, run: ship },
  { kind: 'cancel', weight: 5, run: cancel },
  { kind: 'price', weight: 9, run: changePrice },
  { kind: 'profile', weight: 6, run: editProfile },
  { kind: 'gift', weight: 6, run: giveMoney },
  { kind: 'cart', weight: 5, run: fillCart },
  { kind: 'view', weight: 8, run: viewPage },
  { kind: 'correct view', weight: 2, run: correctViewTime },
  { kind: 'log', weight: 8, run: logAccess },
  { kind: 'tidy log', weight: 3, run: tidyLog },
  { kind: 'new product', weight: 2, run: addProduct },
  { kind: 'new customer number', weight: 2, run: renumberCustomer },
  { kind: 'new supplier code', weight: 1, run: renameSupplier },
  { kind: 'dissolve category', weight: 1, run: dissolveCategory },
  { kind: 'bulk', weight: 1, run: annotateManyOrders },
  { kind: 'import', weight: 1, run: importFile },
  { kind: 'change of mind', weight: 4, run: orderAndThinkAgain },
  { kind: 'savepoints', weight: 4, run: trySeveralSuppliers },
]

const product = ({ random, shop }: Work) => FIRST_PRODUCT + random(shop.products)
const customer = ({ random, shop }: Work) => 1 + random(shop.customers)

/** One row of a query, or a change of mind if there is none. */
async function one(rows: Promise<Row[]>): Promise<Row> {
  const [row] = await rows
  if (!row) throw new ChangedMind('nothing to do')
  return row
}

function someCustomer(work: Work): Promise<Row> {
  return one(work.query('select id from shop.customers where id >= $1 order by id limit 1', [customer(work)]))
}

function someOrder(work: Work, status: string): Promise<Row> {
  const from = work.shop.firstOrder + work.random(work.shop.orders)
  return one(
    work.query(
      `select id, customer_id, total from shop.orders where status = '${status}' and id >= $1 order by id limit 1 for update skip locked`,
      [from],
    ),
  )
}

async function placeOrder(work: Work): Promise<void> {
  const { query, random } = work
  const { id } = await someCustomer(work)
  const order = await one(query('insert into shop.orders (customer_id) values ($1) returning id', [id]))
  // In the order of their ids, so that two orders never wait for each other's stock.
  const products = [...new Set(Array.from({ length: 1 + random(4) }, () => product(work)))].sort((a, b) => a - b)
  const warehouse = 1 + random(3)
  for (const [line, chosen] of products.entries()) {
    const quantity = 1 + random(3)
    await query(
      'insert into shop.order_lines (order_id, line, product_id, quantity, price) select $1, $2, id, $4, price from shop.products where id = $3',
      [order['id'], line + 1, chosen, quantity],
    )
    await query('update stock.levels set quantity = quantity - $3 where warehouse_id = $1 and product_id = $2', [
      warehouse,
      chosen,
      quantity,
    ])
    await query(`insert into stock.movements (warehouse_id, product_id, delta, reason) values ($1, $2, -$3::integer, 'sale')`, [
      warehouse,
      chosen,
      quantity,
    ])
  }
}

async function pay(work: Work): Promise<void> {
  const { query, random } = work
  const order = await someOrder(work, 'placed')
  const till = 1 + random(16)
  await query('update shop.wallets set balance = balance - $2 where customer_id = $1', [order['customer_id'], order['total']])
  await query('update shop.tills set balance = balance + $2 where id = $1', [till, order['total']])
  await query('insert into shop.payments (id, order_id, till_id, amount) values ($1, $2, $3, $4)', [
    randomUUID(),
    order['id'],
    till,
    order['total'],
  ])
  await query(`update shop.orders set status = 'paid' where id = $1`, [order['id']])
}

async function ship(work: Work): Promise<void> {
  const { query, random } = work
  const order = await someOrder(work, 'paid')
  await query(
    'insert into shop.shipments (order_id, address_id, parcels) values ($1, (select min(id) from shop.addresses where customer_id = $2), $3)',
    [order['id'], order['customer_id'], 1 + random(3)],
  )
  await query(`update shop.orders set status = 'shipped', note = null where id = $1`, [order['id']])
}

/** Takes the order's lines with it. */
async function cancel(work: Work): Promise<void> {
  const order = await someOrder(work, 'placed')
  await work.query('delete from shop.orders where id = $1', [order['id']])
}

/** The long description stays as it is, out of line. */
async function changePrice(work: Work): Promise<void> {
  const { query, random } = work
  const cents = 100 + random(60_000)
  await query(
    `update shop.products set price = $2::numeric / 100, attributes = jsonb_set(attributes, '{price}', to_jsonb($2::numeric / 100)), weight = weight * 1.1
     where id = $1`,
    [product(work), cents],
  )
  if (random(10) === 0) await query(`update shop.products set description = description || ' (new)' where id = $1`, [product(work)])
}

async function editProfile(work: Work): Promise<void> {
  const { id } = await someCustomer(work)
  await work.query(
    `update shop.customers set tags = case when array_length(tags, 1) > 4 then array [null, 'ü, "x"'] else array_append(tags, $2) end,
       preferences = preferences || jsonb_build_object('visits', coalesce((preferences ->> 'visits')::integer, 0) + 1),
       loyalty = (enum_range(null::shop.loyalty))[1 + $3::integer] where id = $1`,
    [id, `tag ${work.random(50)}`, work.random(4)],
  )
}

async function giveMoney(work: Work): Promise<void> {
  const { query, random } = work
  const amount = (1 + random(2000)) / 100
  const [from, to] = [await someCustomer(work), await someCustomer(work)]
  for (const [{ id }, sign] of [
    [from, -1],
    [to, 1],
  ] as const) {
    await one(
      query('update shop.wallets set balance = balance + $2::numeric where customer_id = $1 returning customer_id', [id, sign * amount]),
    )
  }
}

async function fillCart({ query, random }: Work): Promise<void> {
  const content = JSON.stringify({ items: Array.from({ length: random(5) }, () => ({ product: random(9000), pieces: 1 + random(3) })) })
  await query('insert into shop.carts (session, content) values ($1, $2)', [randomUUID(), content])
  if (random(3) === 0) {
    await query(
      `update shop.carts set content = content || '{"seen": true}' where session = (select session from shop.carts limit 1 for update skip locked)`,
    )
  }
  if (random(3) === 0) {
    await query('delete from shop.carts where session = (select session from shop.carts limit 1 for update skip locked)')
  }
}

async function viewPage(work: Work): Promise<void> {
  for (let i = 0; i < 4; i++) {
    await work.query(
      `insert into audit.page_views values (nextval('audit.page_view_id'), ${VIEWED}, $2::bigint, $3::integer, $1::integer / 7.0)`,
      [work.random(VIEWED_SECONDS), customer(work), product(work)],
    )
  }
}

/** Moves a row from one partition to another; PostgreSQL 10 can't. */
async function correctViewTime(work: Work): Promise<void> {
  const { query, random, shop } = work
  const time = shop.version >= 110000 ? `viewed_at = ${VIEWED}` : `milliseconds = $1::integer`
  await query(`update audit.page_views set ${time} where id = $2`, [random(VIEWED_SECONDS), 1 + random(100_000)])
}

async function logAccess({ query, random }: Work): Promise<void> {
  const values = [`10.1.${random(250)}.${random(250)}`, `/orders/${random(1000)}`, random(5) ? 200 : null, random(1000) / 7]
  const insert = 'insert into audit.access_log values (date_trunc($5, clock_timestamp()), $1::inet, $2, $3, $4)'
  await query(insert, [...values, 'second'])
  // Sometimes the same line twice.
  if (random(3) === 0) await query(insert, [...values, 'second'])
}

async function tidyLog({ query, random }: Work): Promise<void> {
  const path = `/products/${random(5000)}`
  await query('update audit.access_log set seconds = seconds * 2, status = coalesce(status, 499) where path = $1', [path])
  // One of two equal lines at most.
  await query('delete from audit.access_log where ctid = any (array (select ctid from audit.access_log where path = $1 limit 1))', [
    `/orders/${random(1000)}`,
  ])
}

async function addProduct(work: Work): Promise<void> {
  const { query, random } = work
  const added = await one(
    query(
      `insert into shop.products (sku, category_id, name, description, price, weight, tags)
       values ($1, (select min(id) from shop.categories where id >= $2), 'Novelty', $3, 9.99, 'Infinity', '{new}') returning id`,
      [`NEW-${randomUUID()}`, 1 + random(60), Array.from({ length: 100 }, () => randomUUID()).join('')],
    ),
  )
  await query('insert into stock.levels select id, $1, 10 from stock.warehouses', [added['id']])
}

/** Changes a primary key: addresses, wallet, orders and reviews follow by ON UPDATE CASCADE. */
async function renumberCustomer(work: Work): Promise<void> {
  const { id } = await someCustomer(work)
  await work.query(`update shop.customers set id = nextval('shop.customers_id_seq') where id = $1`, [id])
}

async function renameSupplier({ query, random }: Work): Promise<void> {
  await query(
    `update shop.suppliers set code = 'NEW-' || left(md5($1::text || code), 8), rating = rating + 0.1
     where code = (select code from shop.suppliers order by code offset $1::integer limit 1)`,
    [random(200)],
  )
}

/** Its products stay, without a category: ON DELETE SET NULL. */
async function dissolveCategory(work: Work): Promise<void> {
  const { query } = work
  const category = await one(query(`insert into shop.categories (parent_id, name) values (1, 'For a moment') returning id`))
  const from = product(work)
  await query('update shop.products set category_id = $1 where id between $2::integer and $2::integer + 3', [category['id'], from])
  await query('delete from shop.categories where id = $1', [category['id']])
}

async function annotateManyOrders({ query, random, shop }: Work): Promise<void> {
  const from = shop.firstOrder + random(shop.orders)
  await query(`update shop.orders set note = 'Checked ' || $2::text where id between $1::bigint and $1::bigint + 300`, [
    from,
    String(random(1000)),
  ])
}

async function importFile({ query, random }: Work): Promise<void> {
  await query('truncate shop.import_buffer')
  await query('insert into shop.import_buffer select n, md5(($1::integer + n)::text) from generate_series(1, 40) n', [random(1_000_000)])
}

async function orderAndThinkAgain(work: Work): Promise<void> {
  await placeOrder(work)
  throw new ChangedMind('the customer changed their mind')
}

async function trySeveralSuppliers(work: Work): Promise<void> {
  const { query, random } = work
  const chosen = product(work)
  for (let attempt = 0; attempt < 3; attempt++) {
    await query('savepoint attempt')
    await query(
      `insert into shop.product_suppliers select $1, code, interval '3 days' from shop.suppliers order by code offset $2 limit 1
       on conflict (product_id, supplier_code) do update set lead_time = excluded.lead_time`,
      [chosen, random(200)],
    )
    await query(random(2) === 0 ? 'rollback to savepoint attempt' : 'release savepoint attempt')
  }
}
