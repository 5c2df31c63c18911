-- What the shop lacks: swaps, rows of hundreds of kilobytes, rows without any identity, deferred keys. For PostgreSQL 10 to 18.
create schema soak;

-- Codes are unique, and trade places.
create table soak.seats (id integer primary key, code text not null unique, moves integer not null default 0);
insert into soak.seats select n, 'seat ' || n from generate_series(1, 200) n;

create table soak.ranks (id integer primary key, rank integer not null unique deferrable initially deferred);
insert into soak.ranks select n, n from generate_series(1, 50) n;

create table soak.documents (id bigserial primary key, title text not null, body text not null, reads integer not null default 0);
insert into soak.documents (title, body)
  select 'document ' || n, (select string_agg(md5((n * 100000 + i)::text), '') from generate_series(1, 300) i) from generate_series(1, 60) n;

-- No key at all, and equal rows.
create table soak.ticks (place text, value integer, note text);
insert into soak.ticks select 'place ' || n % 5, n % 3, case when n % 2 = 0 then 'even' end from generate_series(1, 300) n;

create table soak.batches (id serial primary key, name text);
create table soak.batch_lines (batch_id integer not null references soak.batches, line integer not null, payload text, primary key (batch_id, line));

create table soak.attempts (id bigserial primary key, attempt integer not null, note text);

-- What the copy takes its time for.
do $$
begin
  for n in 1 .. current_setting('soak.bulk')::integer loop
    execute format('create table soak.bulk_%s (id integer primary key, payload text not null, version integer not null default 0)', n);
    execute format('insert into soak.bulk_%s select i, (select string_agg(md5((i * 100 + j)::text), '''') from generate_series(1, 15) j) from generate_series(1, 5000) i', n);
  end loop;
end
$$;
