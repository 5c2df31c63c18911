-- Sample data. The setting shop.scale says how much: 1 gives about 830,000 rows. The same on every run.
select setseed(0.42);

insert into shop.customers (email, name, loyalty, tags, preferences, born, created_at)
select 'customer' || n || '@example.' || (array ['com', 'org', 'net'])[1 + n % 3],
  (array ['Ada', 'Björn', 'Chloé', 'Dmitri', 'Eve', 'Fatima', 'Günter', '花子'])[1 + n % 8] || ' ' || substr(md5(n::text), 1, 8),
  (array ['none', 'none', 'bronze', 'silver', 'gold'])[1 + n % 5]::shop.loyalty,
  case n % 4 when 0 then array ['newsletter', 'b2b'] when 1 then array ['vip', null] else '{}' end,
  jsonb_build_object('newsletter', n % 2 = 0, 'language', (array ['en', 'de', 'ja'])[1 + n % 3], 'visits', n % 97),
  case when n % 6 > 0 then date '1950-01-01' + n % 20000 end,
  timestamptz '2020-01-01 00:00+00' + n * interval '1 hour'
from generate_series(1, (30000 * current_setting('shop.scale')::numeric)::integer) n;

insert into shop.addresses (customer_id, address, is_billing)
select id, row ('Main Street ' || n || '/' || id % 90, lpad((id % 99999)::text, 5, '0'), 'Town ' || id % 300, (array ['DE', 'FR', 'JP'])[1 + id % 3])::shop.postal_address, n = 1
from shop.customers, generate_series(1, 2) n where n = 1 or id % 3 = 0;

insert into shop.wallets select id, 5000 + id % 1000 from shop.customers;
insert into shop.tills (id) select generate_series(1, 16);

insert into shop.categories (name, position) select 'Department ' || n, n from generate_series(1, 8) n;
insert into shop.categories (parent_id, name, position) select 1 + n % 8, 'Category ' || n, n from generate_series(1, 60) n;

insert into shop.suppliers
select 'SUP-' || lpad(n::text, 4, '0'), 'Supplier ' || n, (array ['DE', 'CN', 'US'])[1 + n % 3], case when n % 9 = 0 then null else (n % 50) / 7.0 end, decode(md5(n::text), 'hex')
from generate_series(1, 200) n;

-- Every tenth description is long and does not compress, so that it is stored out of line (TOAST).
insert into shop.products (sku, category_id, name, description, price, tax_rate, weight, attributes, tags)
select 'SKU-' || lpad(n::text, 6, '0'), 1 + n % 68, 'Product ' || n,
  case when n % 10 = 0 then (select string_agg(md5(n::text || i), '') from generate_series(1, 120) i) when n % 10 < 8 then 'A fine thing, number ' || n end,
  1 + (n % 50000) / 100.0, case when n % 4 = 0 then 0.07 else 0.19 end, case when n % 100 = 0 then 'NaN' else n / 7.0::float8 end,
  jsonb_build_object('color', (array ['red', 'green', 'blue'])[1 + n % 3], 'sizes', jsonb_build_array(n % 5, n % 7), 'price', n / 100.0),
  array ['tag' || n % 20, 'tag' || n % 33]
from generate_series(1, (8000 * current_setting('shop.scale')::numeric)::integer) n;

insert into shop.product_suppliers
select id, 'SUP-' || lpad((1 + (id * k) % 200)::text, 4, '0'), (id % 30) * interval '1 day' + k * interval '2 hours'
from shop.products, generate_series(1, 2) k on conflict do nothing;

insert into stock.warehouses (name, location, open_from)
select 'Warehouse ' || n, point(n / 3.0, n * 1.1), time '05:00' + n * interval '30 minutes' from generate_series(1, 3) n;
insert into stock.levels select w.id, p.id, 100000 + p.id % 500 from stock.warehouses w, shop.products p;

insert into shop.orders (customer_id, status, note, placed_at)
select 1 + (n * 7919) % (select max(id) from shop.customers),
  (array ['delivered', 'delivered', 'delivered', 'placed', 'paid', 'shipped', 'returned', 'placed'])[1 + n % 8]::shop.order_status,
  case when n % 11 = 0 then 'Leave it at the door' end, timestamptz '2025-01-01 00:00+00' + n * interval '7 minutes'
from generate_series(1, (80000 * current_setting('shop.scale')::numeric)::integer) n;

insert into shop.order_lines
select o.id, k, 1000 + (o.id * 31 + k * 7) % p.number, 1 + (o.id + k) % 4, 1 + ((o.id * 31 + k * 7) % 50000) / 100.0
from shop.orders o, generate_series(1, 4) k, (select count(*) as number from shop.products) p where k <= 1 + o.id % 4;
update shop.orders o set total = t.total
from (select order_id, sum(quantity * price) as total from shop.order_lines group by 1) t where t.order_id = o.id;

insert into shop.payments
select md5('payment' || id)::uuid, id, 1 + id % 16, total, placed_at + interval '1 hour' from shop.orders where status <> 'placed';
insert into shop.shipments (order_id, address_id, parcels, shipped_at)
select o.id, a.id, 1 + o.id % 3, placed_at + interval '1 day'
from shop.orders o left join shop.addresses a on a.customer_id = o.customer_id and a.is_billing where status in ('shipped', 'delivered', 'returned');
insert into shop.reviews
select 1000 + (n * 13) % p.number, 1 + (n * 101) % c.number, 1 + n % 5, case when n % 3 > 0 then repeat('Good. ', n % 12) end
from generate_series(1, (20000 * current_setting('shop.scale')::numeric)::integer) n,
  (select count(*) as number from shop.products) p, (select count(*) as number from shop.customers) c on conflict do nothing;
insert into shop.import_buffer select n, md5(n::text) from generate_series(1, 100) n;

insert into stock.movements (warehouse_id, product_id, delta, reason, moved_at)
select 1 + n % 3, 1000 + n % p.number, n % 19 - 9, case when n % 2 = 0 then 'sale' end, timestamptz '2026-01-01 00:00+00' + n * interval '3 minutes'
from generate_series(1, (60000 * current_setting('shop.scale')::numeric)::integer) n, (select count(*) as number from shop.products) p;

insert into audit.page_views
select nextval('audit.page_view_id'), timestamptz '2026-07-01 00:00+00' + random() * interval '123 days', 1 + n % 30000, 1000 + n % 8000, random() * 900
from generate_series(1, (150000 * current_setting('shop.scale')::numeric)::integer) n;

-- Every fourth line stands there twice.
insert into audit.access_log
select timestamptz '2026-08-01 00:00+00' + (n - (n % 4) / 3) * interval '10 seconds', ('10.0.' || (n - (n % 4) / 3) % 250 || '.7')::inet, '/products/' || (n - (n % 4) / 3) % 5000,
  case when (n - (n % 4) / 3) % 50 = 0 then null else 200 end, (n - (n % 4) / 3) / 3.0::float8
from generate_series(1, (60000 * current_setting('shop.scale')::numeric)::integer) n;
