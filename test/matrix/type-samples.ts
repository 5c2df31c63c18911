/** A type with values at its edges. */
export interface TypeSample {
  /** As a column is declared; `types` is on the search_path, and the schema of the extensions' types. */
  readonly type: string
  /** SQL expressions to assign; all distinct to the bit. NULL is added to every type. */
  readonly values: readonly string[]
  /** The first major version that knows the type, or takes these values. Default 10. */
  readonly since?: number
  /** Holds floats, which 10 and 11 print with other digits than 12 and later: only the binary form is compared. */
  readonly floats?: true
  /** The binary form holds OIDs, which are each database's own, or a function of it does not take the type: only the text is compared. */
  readonly textOnly?: true
}

/** What the samples need. */
export const TYPE_DEFINITIONS = `
create schema types;
create extension citext schema types;
create extension cube schema types;
create extension hstore schema types;
create extension intarray schema types;
create extension isn schema types;
create extension lo schema types;
create extension ltree schema types;
create extension seg schema types;
set search_path = types;
create type mood as enum ('sad', 'it''s ok', 'happy "ever" after', 'Ü', 'NULL', '');
create type pair as (a int, b text);
create type nested as (p pair, l pair[], m mood);
create type measured as (f8 float8, f4s float4[], at point);
create domain positive as int check (value > 0);
create domain short as varchar(5) collate "C" default 'none';
create domain pairs as pair[];
create type floatrange as range (subtype = float8, subtype_diff = float8mi);
create type moodrange as range (subtype = mood);`

/** Incompressible, so that it stands out of line. */
const MEGABYTE = `(select string_agg(md5(i::text), '') from generate_series(1, 32768) as i)`
const FLOAT8 = [
  'NaN',
  'Infinity',
  '-Infinity',
  '0',
  '-0',
  '5e-324',
  '2.2250738585072014e-308',
  '1.7976931348623157e308',
  '0.1',
  '0.30000000000000004',
]
const FLOAT4 = ['NaN', 'Infinity', '-Infinity', '0', '-0', '1.4e-45', '1.17549435e-38', '3.4028235e38', '0.1', '16777217']
const quote = (value: string): string => `'${value.replaceAll("'", "''")}'`
const sample = (type: string, values: readonly string[], more: Omit<TypeSample, 'type' | 'values'> = {}): TypeSample => ({
  type,
  values: values.map(quote),
  ...more,
})

export const TYPE_SAMPLES: readonly TypeSample[] = [
  sample('bool', ['t', 'f']),
  sample('int2', ['-32768', '32767', '0']),
  sample('int4', ['-2147483648', '2147483647', '0']),
  sample('int8', ['-9223372036854775808', '9223372036854775807', '9007199254740993']),
  sample('float4', FLOAT4, { floats: true }),
  sample('float8', FLOAT8, { floats: true }),
  { type: 'numeric', values: [`'NaN'`, '0', '0.000', '1.0', '1.00', '1e-16383', `repeat('9', 131072)::numeric`, `(repeat('7', 500) || '.' || repeat('3', 16383))::numeric`, '-0.1'] },
  sample('numeric', ['Infinity', '-Infinity', '1.0', 'NaN'], { since: 14 }),
  sample('numeric(20, 5)', ['-99999.99999', '0', '1.1', 'NaN']),
  sample('numeric(3, -2)', ['12300', '-99900', '0'], { since: 15 }),
  sample('numeric(2, 4)', ['0.0012', '0.0099'], { since: 15 }),
  sample('money', ['-92233720368547758.08', '92233720368547758.07', '0', '1234567.89']),
  sample('oid', ['4294967295', '0', '16384']),
  sample('xid', ['3', '4294967295']),
  sample('cid', ['0', '4294967295']),
  sample('tid', ['(0,1)', '(4294967295,65535)']),
  sample('xid8', ['3', '18446744073709551615'], { since: 13 }),
  sample('pg_lsn', ['0/0', 'FFFFFFFF/FFFFFFFF', '16/B374D848']),
  sample('txid_snapshot', ['10:20:10,14,15', '1:1:']),
  sample('pg_snapshot', ['10:20:10,14,15', '1:1:'], { since: 13 }),
  { type: 'text', values: [`''`, `'NULL'`, `'null'`, `'\\N'`, `'\\.'`, `' '`, `E'\\t\\n\\r\\b\\f\\v\\x01\\x7f\\\\ "quoted" ''single'' {,} (,)'`, `'€😀e\u0301é'`, MEGABYTE, `repeat('ü', 500000)`] },
  sample('varchar', ['', 'NULL', '\\N', 'a  ']),
  sample('varchar(10)', ['', '1234567890', 'ab  ', 'äöüßäöüßäö']),
  sample('char(6)', ['', '  x', 'x', 'üüüüüü']),
  sample('bpchar', ['', 'x', '  x']),
  sample('"char"', ['', 'z', '\\', ' ']),
  sample('name', ['', 'a name', `"quoted" 'n' \\`, 'n'.repeat(63)]),
  { type: 'bytea', values: [`''`, `'\\x00ff5c4e2c7b22'`, `'\\\\x'`, `decode(${MEGABYTE}, 'hex')`, `decode(repeat('00', 100000), 'hex')`] },
  sample('uuid', ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']),
  sample('bit(5)', ['10101', '00000', '11111']),
  sample('bit', ['1', '0']),
  sample('bit varying(9)', ['', '1', '101010101', '000000000']),
  { type: 'varbit', values: [`''`, `B'1'`, `repeat('10', 500)::varbit`, `repeat('0', 1001)::varbit`] },
  sample('date', ['infinity', '-infinity', '4713-01-01 BC', '5874897-12-31', '0001-01-01 BC', '2024-02-29', '10000-01-01']),
  sample('time', ['24:00:00', '00:00:00', '12:34:56.789012', '23:59:59.999999']),
  sample('time(0)', ['23:59:59', '24:00:00', '00:00']),
  sample('timetz', ['24:00:00-15:59', '00:00+15:59:59', '12:34:56.789012+05:45', '12:34:56.789012+00']),
  sample('timestamp', ['infinity', '-infinity', '4713-01-01 00:00:00 BC', '294276-12-31 23:59:59.999999', '0001-01-01 BC', '1883-11-18 12:03:58']),
  sample('timestamp(3)', ['-infinity', '294276-12-31 23:59:59.999', '2024-02-29 12:00:00.001']),
  sample('timestamptz', ['infinity', '-infinity', '4713-02-02 00:00:00+00 BC', '294276-12-31 23:59:59.999999+00', '2024-03-31 02:30:00+01', '1800-01-01 00:00:00+00']),
  sample('interval', ['178000000 years', '-178000000 years', '-1 year -2 mons +3 days -04:05:06.789', '1 mon -1 day 00:00:00.000001', '0', '24:00:00', '1 day', '30 days', '1 mon']),
  sample('interval', ['infinity', '-infinity', '2147483647 days'], { since: 17 }),
  sample('interval hour to second', ['99:59:59', '-0:00:01', '0']),
  sample('interval(0)', ['1 day 00:00:01', '0']),
  { type: 'json', values: [`'{}'`, `'null'`, `' { } '`, `'{"a":1,  "a":2, "big": 12345678901234567890.1234567890}'`, `'[1, 2.50, "\\u0000", null, 1e400]'`, `to_json(${MEGABYTE})`] },
  { type: 'jsonb', values: [`'{}'`, `'null'`, `'"NULL"'`, `'{"a": 1.00, "big": 12345678901234567890.1234567890, "u": "\\u00e9€"}'`, `'[null, true, "", {"": []}, -0]'`, `to_jsonb(${MEGABYTE})`] },
  sample('jsonpath', ['$', 'strict $."a b"[*] ? (@.x > 1.50 && @.y like_regex "^\\\\d")', '$.a[0 to last].size()'], { since: 12 }),
  sample('xml', ['', '<a/>', 'text &amp; more', '<a b="c">&lt;é&gt;<!-- - --></a>', '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><a/>'], { textOnly: true }),
  sample('point', ['(0.1,-0)', '(0.1,0)', '(NaN,Infinity)', '(5e-324,0.30000000000000004)'], { floats: true }),
  sample('line', ['{1,-2,0.3}', '{0.1,-1,1e300}'], { floats: true }),
  sample('lseg', ['[(1,2),(3,4e-300)]', '[(0,-0),(0,0)]', '[(0,0),(0,0)]'], { floats: true }),
  sample('box', ['(1,1),(0,0)', '(1e300,1),(-1e300,0)', '(0.30000000000000004,1),(0.1,-0)'], { floats: true }),
  sample('path', ['((0,0),(1,1),(2,0))', '[(0,0),(1,1),(2,0)]', '[(0.1,0.2),(1,1)]'], { floats: true }),
  sample('polygon', ['((0,0),(1,1),(2,0))', '((0.1,0.2))', '((0.1,0.2),(-0,5e-324))'], { floats: true }),
  sample('circle', ['<(0,0),1.5>', '<(0.1,0.2),0>', '<(-0,0),0.30000000000000004>'], { floats: true }),
  sample('inet', ['10.0.0.1/8', '10.0.0.1', '::1', '::ffff:1.2.3.4/128', 'fe80::1/64']),
  sample('cidr', ['10.0.0.0/8', '0.0.0.0/0', '2001:db8::/32', '10.0.0.1']),
  sample('macaddr', ['08:00:2b:01:02:03', 'ff:ff:ff:ff:ff:ff']),
  sample('macaddr8', ['08:00:2b:01:02:03:04:05', 'ff:ff:ff:ff:ff:ff:ff:ff']),
  sample('tsvector', ['', `a:1A,2B 'it''s':3 'two words'`, 'x y z', `'\\\\':16383`]),
  sample('tsquery', ['', `'a' & !( 'b':*AB | 'c' ) <2> 'd'`, `'it''s'`]),
  sample('int4range', ['empty', '(,)', '[1,1]', '[-2147483648,2147483646]']),
  sample('int8range', ['empty', '[1,9223372036854775806]', '(,5)']),
  sample('numrange', ['empty', '[1.0,2.00)', '[1,2)', '(,1.5]']),
  sample('tsrange', ['empty', '[-infinity,infinity]', '["0044-03-15 10:00:00 BC",)']),
  sample('tstzrange', ['empty', '["2024-01-01 00:00+00",)', '(-infinity,infinity)']),
  sample('daterange', ['empty', '[2024-01-01,2024-01-31]', '(,infinity)']),
  sample('floatrange', ['empty', '[0.1,0.30000000000000004)', '[-0,1]', '[0,1]'], { floats: true }),
  sample('moodrange', ['empty', '[sad,"happy ""ever"" after"]', '(,Ü)']),
  sample('int4multirange', ['{}', '{(,)}', '{[1,3),[5,)}'], { since: 14 }),
  sample('nummultirange', ['{}', '{[1.0,2.0),[3,4]}'], { since: 14 }),
  sample('tstzmultirange', ['{}', '{["2024-01-01 00:00+00",infinity)}'], { since: 14 }),
  sample('floatmultirange', ['{}', '{[0.1,0.30000000000000004)}'], { since: 14, floats: true }),
  sample('mood', ['sad', `it's ok`, 'happy "ever" after', 'Ü', 'NULL', '']),
  sample('pair', ['(1,"a,b)(")', '(,)', '(,"")', '(2147483647,"line\nbreak\ttab ""quotes"" \\\\ back")', '(1,NULL)'], { textOnly: true }),
  sample('nested', ['("(,)",{},sad)', '("(1,x)","{""(1,\\\\""\\\\"")"",NULL}","it\'s ok")', '(,,)'], { textOnly: true }),
  sample('measured', ['(0.30000000000000004,"{NaN,-0,1.4e-45}","(0.1,-0)")', '(-0,{},)', '(0,{},)'], { floats: true }),
  sample('positive', ['1', '2147483647']),
  sample('short', ['', 'abcde', 'a  ']),
  sample('positive[]', ['{}', '{1,NULL}'], { since: 11, textOnly: true }),
  sample('pairs', ['{}', '{"(1,a)",NULL}'], { since: 11, textOnly: true }),
  sample('int4[]', ['{}', '{1,NULL,3}', '[-2:0]={1,2,3}', '{{{1},{2}},{{3},{4}}}', '[2147483646:2147483646]={1}']),
  sample('text[]', ['{}', '{NULL,"NULL","",a b,"{}","\\\\","\\""}', '[0:1][3:4]={{a,b},{c,NULL}}', '{""}']),
  sample('bytea[]', ['{"\\\\x00ff",NULL,"\\\\x"}', '{}']),
  sample('bool[]', ['{t,f,NULL}', '{}']),
  sample('float8[]', ['{NaN,-0,Infinity,0.30000000000000004,NULL}', '{0}', '{-0}', '{{1,2},{3,4}}', '[2:3]={5e-324,1e308}'], { floats: true }),
  sample('float4[]', ['{NaN,-0,1.4e-45}', '{0}', '{-0}'], { floats: true }),
  sample('numeric[]', ['{1.0,1.00,NaN,NULL}', '{1.00,1.0,NaN,NULL}']),
  sample('numeric(6, 2)[]', ['{1.5,-9999.99}', '{}']),
  sample('varchar(5)[]', ['{abcde,"a  ",NULL}', '{}']),
  sample('char(3)[]', ['{a,"",NULL,"  b"}', '{}']),
  sample('bit(3)[]', ['{101,NULL}', '{}']),
  sample('timestamptz[]', ['{infinity,-infinity,NULL,"4713-02-02 00:00:00+00 BC"}', '{}']),
  sample('jsonb[]', ['{"{\\"a\\": \\"b,c\\"}",NULL,"null"}', '{}']),
  sample('json[]', ['{"{\\"a\\":1, \\"a\\":2}",NULL}', '{}']),
  sample('box[]', ['{(1,1),(0,0);(2.5,2),(1,1)}', '{}'], { floats: true }),
  sample('point[]', ['{"(0.1,-0)",NULL}', '{"(0.1,0)",NULL}'], { floats: true }),
  sample('mood[]', ['{}', `{sad,"it's ok",NULL,Ü,"NULL",""}`], { textOnly: true }),
  sample('pair[]', ['{}', '[5:5]={"(1,\\"x y\\")"}', '{"(1,)",NULL,"(,\\"\\")"}'], { textOnly: true }),
  sample('int4range[]', ['{"[1,3)",empty,NULL}', '{}']),
  sample('regclass', ['pg_class', 'pg_type', '0'], { textOnly: true }),
  sample('regproc', ['pg_catalog.version', '0'], { textOnly: true }),
  sample('regprocedure', ['lower(text)', 'upper(text)'], { textOnly: true }),
  sample('regoper', ['pg_catalog.||/', '0'], { textOnly: true }),
  sample('regoperator', ['+(int4,int4)', '-(int4,int4)'], { textOnly: true }),
  sample('regtype', ['int4', 'types.mood', 'timestamptz'], { textOnly: true }),
  sample('regrole', ['postgres', '0'], { textOnly: true }),
  sample('regnamespace', ['pg_catalog', 'types'], { textOnly: true }),
  sample('regconfig', ['english', 'simple'], { textOnly: true }),
  sample('regdictionary', ['simple', 'english_stem'], { textOnly: true }),
  sample('regcollation', ['"C"', '"POSIX"'], { since: 13, textOnly: true }),
  sample('int2vector', ['', '1 2 3']),
  sample('oidvector', ['', '23 25']),
  sample('refcursor', ['', 'a cursor'], { textOnly: true }),
  sample('aclitem', ['postgres=r/postgres', '=r*w/postgres'], { textOnly: true }),
  sample('citext', ['', 'MiXed', 'mixed', 'NULL']),
  sample('hstore', ['', 'a=>NULL,b=>"NULL"', '"a b"=>"c\\"d\\\\", ""=>""']),
  sample('ltree', ['', 'a.b_c.D'], { textOnly: true }),
  sample('lquery', ['a.*{1,2}.!b', '*'], { textOnly: true }),
  sample('cube', ['(0)', '(0.5,1),(2,3)', '(1,2,3)'], { textOnly: true }),
  sample('seg', ['1', '1.00', '<5', '1 .. 2.50', '~7'], { textOnly: true }),
  sample('ean13', ['978-0-393-04002-9'], { textOnly: true }),
  sample('isbn', ['0-393-04002-X', '978-0-393-04002-9'], { textOnly: true }),
  sample('issn', ['1436-4522'], { textOnly: true }),
  sample('query_int', ['1&(2|!3)', '7'], { textOnly: true }),
  sample('lo', ['0', '4294967295']),
] // prettier-ignore

/** The samples that every one of these major versions knows. */
export function samplesOf(...majors: readonly number[]): readonly TypeSample[] {
  return TYPE_SAMPLES.filter(({ since = 10 }) => majors.every((major) => major >= since))
}
