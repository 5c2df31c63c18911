create function zoo.one() returns int language sql immutable as 'select 1';
create function zoo.describe(what text, variadic more text[] default array['a', 'b''c']) returns text language sql stable strict parallel safe cost 50 as
  $$ select what || array_to_string(more, ',') $$;
create function zoo.pairs(n int default 3, out a int, out b text) returns setof record language plpgsql rows 20 security definer
  set search_path = zoo, pg_temp set work_mem = '8MB' as
$body$
begin
  -- $$ a comment with 'quotes'
  return query select i, i::text from generate_series(1, n) i;
end
$body$;
create function zoo.listing(inout n numeric) language plpgsql volatile called on null input leakproof as 'begin n := n + 1; end';
create function zoo.as_table(zoo.mood) returns table (id int, mood zoo.mood) language sql parallel restricted as 'select 1, $1';
create function zoo.stopped() returns trigger language plpgsql as $$ begin return null; end $$;
create function zoo.stopped_too() returns trigger language plpgsql as $$ begin return new; end $$;
create function zoo.on_ddl() returns event_trigger language plpgsql as $$ begin end $$;
create function zoo.is_short(text) returns boolean language sql immutable as 'select length($1) < 40';
create function zoo.twice(int) returns int language sql immutable as 'select $1 * 2';
create sequence aviary.code;
create function aviary.next_code() returns text language sql as $$ select 'b' || nextval('aviary.code')::text $$;
create function zoo.polymorphic(anyelement, anyarray) returns anyelement language sql immutable as 'select $1';
--: 11+
create procedure zoo.feed(inout amount int default 1) language plpgsql as $$ begin amount := amount + 1; end $$;
create procedure zoo.clean(zoo.mood, text) language sql security definer set lock_timeout = '1s' as 'select 1';
comment on procedure zoo.clean(zoo.mood, text) is 'with water';
--: 12+
create function zoo.supported(int) returns boolean language internal immutable strict support pg_catalog.generate_series_int4_support as 'int4um';
--: 14+
create function zoo.atomic(a int, b int default 2) returns int language sql immutable begin atomic
  select a + b;
  select zoo.twice(a) + b;
end;
create function zoo.returning(a int) returns int language sql return a * zoo.one();
create procedure zoo.outwards(in a int, out b int) language plpgsql as $$ begin b := a; end $$;
--: 10+
comment on function zoo.describe(text, text[]) is 'describes';

create function zoo.add_points(zoo.point3, zoo.point3) returns zoo.point3 language sql immutable as 'select row($1.x + $2.x, $1.y + $2.y, $1."Z")::zoo.point3';
create function zoo.same(zoo.point3, zoo.point3) returns boolean language sql immutable as 'select $1.x = $2.x';
create function zoo.not_same(zoo.point3, zoo.point3) returns boolean language sql immutable as 'select $1.x <> $2.x';
create function zoo.less(zoo.point3, zoo.point3) returns boolean language sql immutable as 'select $1.x < $2.x';
create function zoo.more(zoo.point3, zoo.point3) returns boolean language sql immutable as 'select $1.x > $2.x';
create function zoo.less_same(zoo.point3, zoo.point3) returns boolean language sql immutable as 'select $1.x <= $2.x';
create function zoo.more_same(zoo.point3, zoo.point3) returns boolean language sql immutable as 'select $1.x >= $2.x';
create function zoo.order_of(zoo.point3, zoo.point3) returns int language sql immutable as 'select sign($1.x - $2.x)::int';
create function zoo.hash_of(zoo.point3) returns int language sql immutable as 'select hashfloat8($1.x)';
create operator zoo.+ (procedure = zoo.add_points, leftarg = zoo.point3, rightarg = zoo.point3, commutator = operator(zoo.+));
create operator zoo.=== (procedure = zoo.same, leftarg = zoo.point3, rightarg = zoo.point3, commutator = operator(zoo.===), negator = operator(zoo.<<>>), restrict = eqsel, join = eqjoinsel, hashes, merges);
create operator zoo.<<>> (procedure = zoo.not_same, leftarg = zoo.point3, rightarg = zoo.point3, commutator = operator(zoo.<<>>), negator = operator(zoo.===), restrict = neqsel, join = neqjoinsel);
create operator zoo.<# (procedure = zoo.less, leftarg = zoo.point3, rightarg = zoo.point3, commutator = operator(zoo.>#), negator = operator(zoo.>=#));
create operator zoo.># (procedure = zoo.more, leftarg = zoo.point3, rightarg = zoo.point3, commutator = operator(zoo.<#), negator = operator(zoo.<=#));
create operator zoo.<=# (procedure = zoo.less_same, leftarg = zoo.point3, rightarg = zoo.point3, commutator = operator(zoo.>=#), negator = operator(zoo.>#));
create operator zoo.>=# (procedure = zoo.more_same, leftarg = zoo.point3, rightarg = zoo.point3, commutator = operator(zoo.<=#), negator = operator(zoo.<#));
create operator zoo.@#@ (procedure = zoo.hash_of, rightarg = zoo.point3);
create operator family zoo.points using btree;
create operator class zoo.point3_ops default for type zoo.point3 using btree family zoo.points as
  operator 1 zoo.<#, operator 2 zoo.<=#, operator 3 zoo.===, operator 4 zoo.>=#, operator 5 zoo.>#, function 1 zoo.order_of(zoo.point3, zoo.point3);
create operator class zoo.point3_hash for type zoo.point3 using hash as operator 1 zoo.===, function 1 zoo.hash_of(zoo.point3);
create operator family zoo.lonely using gist;
create operator family zoo.loose using btree;
create function zoo.cross_order(int, text) returns int language sql immutable as 'select 0';
create function zoo.cross_less(int, text) returns boolean language sql immutable as 'select true';
create operator zoo.<~ (procedure = zoo.cross_less, leftarg = int, rightarg = text);
alter operator family zoo.loose using btree add operator 1 zoo.<~ (int, text), function 1 (int, text) zoo.cross_order(int, text);
comment on operator zoo.=== (zoo.point3, zoo.point3) is 'same place';
comment on operator class zoo.point3_ops using btree is 'by x';
comment on operator family zoo.points using btree is 'points';

create aggregate zoo.sum_of (zoo.point3) (sfunc = zoo.add_points, stype = zoo.point3, initcond = '(0,0,)');
create function zoo.moving_in(int, int) returns int language sql immutable as 'select $1 + $2';
create function zoo.moving_out(int, int) returns int language sql immutable as 'select $1 - $2';
create function zoo.final_of(int) returns text language sql immutable as 'select $1::text';
create aggregate zoo.moving (int) (sfunc = zoo.moving_in, stype = int, finalfunc = zoo.final_of, combinefunc = zoo.moving_in, initcond = '0', msfunc = zoo.moving_in, minvfunc = zoo.moving_out,
  mstype = int, mfinalfunc = zoo.final_of, minitcond = '0', parallel = safe);
create aggregate zoo.middle (float8 order by anyelement) (sfunc = ordered_set_transition, stype = internal, finalfunc = percentile_disc_final, finalfunc_extra);
create aggregate zoo.rank_of (variadic "any" order by variadic "any") (sfunc = ordered_set_transition_multi, stype = internal, finalfunc = rank_final, finalfunc_extra, hypothetical);
create aggregate zoo.first_point (zoo.point3) (sfunc = zoo.add_points, stype = zoo.point3, sortop = operator(zoo.<#));
comment on aggregate zoo.sum_of(zoo.point3) is 'adds';

create function zoo.to_text(zoo.point3) returns text language sql immutable as 'select $1."Z"';
create cast (zoo.point3 as text) with function zoo.to_text(zoo.point3) as assignment;
create cast (zoo.nested as text) with inout as implicit;
create cast (text as zoo.label) without function;
comment on cast (zoo.point3 as text) is 'its name';
