/** Two tables that hstore names as its configuration: one with a row of the user, one with its own rows alone. */
export const EXTENSION_TABLES = `
  create extension hstore;
  create table public.settings (name text, own boolean); create table public.built_in (name text, own boolean);
  alter extension hstore add table public.settings; alter extension hstore add table public.built_in;
  insert into public.settings values ('theirs', false), ('mine', true); insert into public.built_in values ('theirs', false);
  update pg_extension set extconfig = array['public.settings'::regclass::oid, 'public.built_in'::regclass::oid],
    extcondition = array['where own', 'WHERE own'] where extname = 'hstore';`
