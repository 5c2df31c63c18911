create view zoo.calm as select id, name, twice from zoo.animals where mood = 'calm' with local check option;
create view zoo.calmer with (security_barrier, check_option = cascaded) as select * from zoo.calm where twice > 2;
create view zoo.starred as select a.*, k.code as kept from zoo.animals a left join zoo.keeps k on k.animal = a.id;
create view zoo.grouped as select a.*, count(*) as n from zoo.animals a join zoo.keeps k on k.animal = a.id group by a.id;
create recursive view zoo.numbers (n) as values (1) union all select n + 1 from numbers where n < 10;
create view zoo.renamed (x, "Y y") as select id, code from zoo.animals;
create function zoo.of_view(zoo.calm) returns text language sql stable as 'select $1.name';
create view zoo.over_function as select zoo.of_view(c) as name, zoo.one() as one from zoo.calm c;
create function zoo.reads_view(n int) returns setof zoo.over_function language sql stable as 'select * from zoo.over_function limit $1';
alter view zoo.calm alter column twice set default 12;
--: 15+
create view zoo.invoker with (security_invoker = true) as select * from zoo.animals;
--: 14+
create function zoo.atomic_view(n bigint) returns bigint language sql stable begin atomic select count(*) from zoo.calm where id = n; end;
create view zoo.over_atomic as select zoo.atomic_view(1) as n;
--: 10+
create view zoo.round_a as select 1 as n, 'x'::text as t;
create view zoo.round_b as select n + 1 as n, t from zoo.round_a;
create or replace view zoo.round_a as select 1 as n, 'x'::text as t where exists (select from pg_class where relname = 'round_b');
create function zoo.of_round(zoo.round_a) returns int language sql as 'select 1';
create or replace view zoo.round_a as select zoo.of_round(null::zoo.round_a) as n, t from (values ('x'::text)) v (t);
create materialized view zoo.counts with (fillfactor = 90) as select mood, count(*) as n from zoo.animals group by mood;
create unique index counts_mood on zoo.counts (mood);
create materialized view zoo.counts_sum as select sum(n) as n, max(mood) as mood from zoo.counts;
create view zoo.counts_view as select * from zoo.counts_sum;
create materialized view zoo.counts_third as select n::text as n from zoo.counts_view;
create index counts_third_n on zoo.counts_third (n);
create materialized view zoo.by_key as select c.id, c.code, count(*) as n from zoo.animals c group by c.id;
create index by_key_n on zoo.by_key (n);
create materialized view zoo.above_key as select sum(n) as n from zoo.by_key;
create materialized view zoo.empty_view as select 1 as a with no data;
create unique index empty_view_a on zoo.empty_view (a);
alter materialized view zoo.counts alter column n set statistics 50;
create table zoo.made_of_view (like zoo.calm);
create function zoo.default_of_view() returns bigint language sql stable as 'select count(*) from zoo.calm';
alter table zoo.made_of_view add column n bigint default zoo.default_of_view();
comment on view zoo.calm is 'calm ones';
comment on column zoo.calm.name is 'name of a calm one';
comment on materialized view zoo.counts is 'counts';
comment on column zoo.counts.n is 'how many';

create rule note_insert as on insert to zoo.keeps do also notify keeps;
create rule no_delete as on delete to zoo.ring_a where (old.id > 5) do instead nothing;
create rule into_view as on insert to zoo.renamed do instead insert into zoo.animals (id, code) values (new.x, new."Y y") returning id, code;
create rule two_steps as on update to zoo.renamed do instead (update zoo.animals set code = new."Y y" where id = old.x; notify zoo);
alter table zoo.keeps disable rule note_insert;
comment on rule no_delete on zoo.ring_a is 'keep';

create trigger simple after insert or update of code, mood or delete on zoo.animals for each row when (pg_trigger_depth() = 0) execute procedure zoo.stopped('a''b', '2');
create trigger transition after update on zoo.animals referencing old table as before_rows new table as after_rows for each statement execute procedure zoo.stopped();
create trigger truncated before truncate on zoo.animals execute procedure zoo.stopped();
create constraint trigger late after insert on zoo.keeps from zoo.animals deferrable initially deferred for each row execute procedure zoo.stopped();
create trigger on_view instead of insert on zoo.starred for each row execute procedure zoo.stopped_too();
create trigger off before insert on zoo.keeps for each row execute procedure zoo.stopped_too();
create trigger always before insert on zoo.keeps for each row execute procedure zoo.stopped_too();
create trigger replica before insert on zoo.keeps for each row execute procedure zoo.stopped_too();
alter table zoo.keeps disable trigger off;
alter table zoo.keeps enable always trigger always;
alter table zoo.keeps enable replica trigger replica;
--: 11+
create trigger of_parts after insert on zoo.visits for each row execute procedure zoo.stopped();
--: 13+
alter table zoo.visits_2020_day disable trigger of_parts;
create trigger before_parts before insert on zoo.visits for each row execute procedure zoo.stopped_too();
--: 10+
comment on trigger simple on zoo.animals is 'simple';

alter table zoo.animals enable row level security;
alter table zoo.keeps enable row level security;
alter table zoo.keeps force row level security;
create policy open on zoo.animals using (true);
create policy mine on zoo.animals as restrictive for update to public using (name = current_user) with check (zoo.is_short(name));
create policy by_query on zoo.keeps for select using (exists (select from zoo.calm c where c.id = animal));
create policy put on zoo.keeps for insert with check (animal > 0);
comment on policy mine on zoo.animals is 'own rows';
