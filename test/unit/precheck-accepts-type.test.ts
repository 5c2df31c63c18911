import assert from 'node:assert/strict'
import test from 'node:test'
import { acceptsType } from '../../src/precheck/accepts-type.ts'

const WIDER: [source: string, targets: string[], narrower: string[]][] = [
  ['smallint', ['smallint', 'integer', 'bigint', 'numeric', 'numeric(5,0)', 'numeric(9,2)'], ['numeric(4,0)', 'real', 'text']],
  ['bigint', ['numeric', 'numeric(19,0)'], ['integer', 'numeric(18,0)', 'double precision']],
  ['numeric(10,2)', ['numeric(10,2)', 'numeric(12,4)', 'numeric'], ['numeric(10,4)', 'numeric(10,1)', 'numeric(9,2)', 'bigint']],
  ['numeric', [], ['numeric(38,10)']],
  ['character varying(10)', ['character varying(11)', 'character varying', 'text'], ['character varying(9)', 'character(10)']],
  ['character varying', ['text'], ['character varying(100)']],
  ['text', ['character varying'], ['character varying(10)', 'json']],
  ['character(6)', ['character(8)', 'text', 'character varying(6)'], ['character(5)', 'character varying(5)', 'character']],
  ['timestamp(3) without time zone', ['timestamp(3) without time zone', 'timestamp(6) without time zone', 'timestamp without time zone'],
    ['timestamp(0) without time zone', 'timestamp with time zone', 'date']],
  ['timestamp without time zone', ['timestamp(6) without time zone'], ['timestamp(3) without time zone']],
  ['bit(5)', ['bit(5)', 'bit varying(5)', 'bit varying'], ['bit(6)', 'bit varying(4)']],
  ['bit varying(9)', ['bit varying(10)', 'bit varying'], ['bit varying(8)']],
  ['date', ['timestamp without time zone'], ['timestamp with time zone', 'text']],
  ['real', ['double precision'], ['numeric']],
  ['double precision', [], ['real', 'numeric']],
  ['json', [], ['jsonb', 'text']],
  ['jsonb', ['json'], []],
  ['integer[]', ['bigint[]'], ['smallint[]', 'integer']],
  ['interval hour to second', [], ['interval minute to second', 'interval']],
  ['public.mood', ['public.mood'], ['public.moods', 'text']],
  ['"a b"."c(1)"', ['"a b"."c(1)"'], ['"a b"."c(2)"']],
] // prettier-ignore

test('a type takes every value of the same and of narrower types, and of no others', () => {
  for (const [source, wider, narrower] of WIDER) {
    for (const target of wider) assert.ok(acceptsType(source, target), `${source} into ${target}`)
    for (const target of narrower) assert.ok(!acceptsType(source, target), `${source} into ${target}`)
  }
})
