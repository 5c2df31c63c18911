-- What a load is quicker without: indexes, foreign keys, triggers, views.
create unique index customers_email_idx on shop.customers (lower(email));
create index customers_tags_idx on shop.customers using gin (tags);
create index addresses_customer_idx on shop.addresses (customer_id);
create index products_attributes_idx on shop.products using gin (attributes jsonb_path_ops);
create index products_category_idx on shop.products (category_id, name desc nulls last);
create index orders_customer_idx on shop.orders (customer_id);
create index orders_placed_idx on shop.orders (id) where status = 'placed';
create index orders_paid_idx on shop.orders (id) where status = 'paid';
create index order_lines_product_idx on shop.order_lines (product_id);
create index payments_order_idx on shop.payments (order_id);
create index shipments_order_idx on shop.shipments (order_id);
create index shipments_address_idx on shop.shipments (address_id);
create index reviews_customer_idx on shop.reviews (customer_id);
create index movements_product_idx on stock.movements (product_id, moved_at);
create index access_log_path_idx on audit.access_log (path);
create index app_transactions_idx on audit.app_transactions (writer, number);
comment on index shop.orders_placed_idx is 'Orders that still wait for money';

do $$
declare
  partition regclass;
begin
  if current_setting('server_version_num')::integer >= 110000 then
    alter table audit.page_views add primary key (id, viewed_at);
    create index page_views_product_idx on audit.page_views (product_id);
  else
    for partition in select inhrelid from pg_inherits where inhparent = 'audit.page_views'::regclass loop
      execute format('alter table %s add primary key (id, viewed_at)', partition);
    end loop;
  end if;
end
$$;

alter table shop.addresses add constraint addresses_customer_fkey foreign key (customer_id) references shop.customers on update cascade on delete cascade;
alter table shop.wallets add constraint wallets_customer_fkey foreign key (customer_id) references shop.customers on update cascade on delete cascade;
alter table shop.categories add constraint categories_parent_fkey foreign key (parent_id) references shop.categories on delete set null;
alter table shop.products add constraint products_category_fkey foreign key (category_id) references shop.categories on delete set null;
alter table shop.product_suppliers add constraint product_suppliers_product_fkey foreign key (product_id) references shop.products on delete cascade;
alter table shop.product_suppliers add constraint product_suppliers_supplier_fkey foreign key (supplier_code) references shop.suppliers on update cascade on delete restrict;
alter table shop.orders add constraint orders_customer_fkey foreign key (customer_id) references shop.customers on update cascade;
alter table shop.order_lines add constraint order_lines_order_fkey foreign key (order_id) references shop.orders on delete cascade;
alter table shop.order_lines add constraint order_lines_product_fkey foreign key (product_id) references shop.products;
alter table shop.payments add constraint payments_order_fkey foreign key (order_id) references shop.orders deferrable initially deferred;
alter table shop.payments add constraint payments_till_fkey foreign key (till_id) references shop.tills;
alter table shop.shipments add constraint shipments_order_fkey foreign key (order_id) references shop.orders on delete cascade;
alter table shop.shipments add constraint shipments_address_fkey foreign key (address_id) references shop.addresses on delete set null;
alter table shop.reviews add constraint reviews_product_fkey foreign key (product_id) references shop.products on delete cascade;
alter table shop.reviews add constraint reviews_customer_fkey foreign key (customer_id) references shop.customers on update cascade on delete cascade;
alter table stock.levels add constraint levels_warehouse_fkey foreign key (warehouse_id) references stock.warehouses;
alter table stock.levels add constraint levels_product_fkey foreign key (product_id) references shop.products on delete cascade;
alter table stock.movements add constraint movements_level_fkey foreign key (warehouse_id, product_id) references stock.levels;

create function shop.touch() returns trigger language plpgsql as $$
begin
  new.updated_at := clock_timestamp();
  return new;
end
$$;
create trigger touch before update on shop.customers for each row execute procedure shop.touch();
create trigger touch before update on shop.products for each row execute procedure shop.touch();
create trigger touch before update on shop.orders for each row execute procedure shop.touch();

create function audit.note_change() returns trigger language plpgsql as $$
begin
  insert into audit.changes (table_name, action, row_key, old_row)
  values (tg_table_name, left(tg_op, 1)::"char", case when tg_op = 'DELETE' then old.id else new.id end, case when tg_op <> 'INSERT' then to_jsonb(old) - 'description' end);
  return null;
end
$$;
create trigger note_change after insert or update or delete on shop.customers for each row execute procedure audit.note_change();
create trigger note_change after insert or update or delete on shop.products for each row execute procedure audit.note_change();
create trigger note_change after update of status or delete on shop.orders for each row execute procedure audit.note_change();
comment on trigger note_change on shop.orders is 'Lines are not audited, only what becomes of an order';

create function shop.add_up() returns trigger language plpgsql as $$
begin
  update shop.orders o set total = coalesce((select sum(quantity * price) from shop.order_lines l where l.order_id = o.id), 0)
  where id = case when tg_op = 'DELETE' then old.order_id else new.order_id end;
  return null;
end
$$;
create trigger add_up after insert or update or delete on shop.order_lines for each row execute procedure shop.add_up();

create rule changes_are_kept as on delete to audit.changes do instead nothing;

create view shop.open_orders as
select o.id, o.customer_id, c.email, o.status, o.total, o.placed_at
from shop.orders o join shop.customers c on c.id = o.customer_id where o.status in ('placed', 'paid');
create view shop.late_orders as
select id, email, total, now() - placed_at as age from shop.open_orders where placed_at < now() - interval '3 days';
comment on view shop.late_orders is 'Open for more than three days';

create materialized view shop.sales_by_month as
select date_trunc('month', o.placed_at at time zone 'UTC') as month, l.product_id, sum(l.quantity) as pieces, sum(l.quantity * l.price) as amount
from shop.orders o join shop.order_lines l on l.order_id = o.id group by 1, 2;
create unique index sales_by_month_idx on shop.sales_by_month (month, product_id);

create function shop.best_seller(in_month timestamp) returns text language sql stable as $$
  select p.name from shop.sales_by_month s join shop.products p on p.id = s.product_id where s.month = in_month order by s.amount desc, p.id limit 1
$$;
