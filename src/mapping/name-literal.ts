import { literal } from '../postgres/quote.ts'
import { Obstacle } from './obstacle.ts'
import { listAt, nodesOf, stringAt, treeAt } from './parse-tree.ts'
import type { Tree } from './parse-tree.ts'
import type { Rewriting } from './rewriting.ts'

/** Statements that hold a name as the input of each object identifier type reads it. */
const STATEMENTS: Readonly<Record<string, readonly [before: string, after: string]>> = {
  regclass: ['drop table ', ''],
  regtype: ['select null::', ''],
  regproc: ['select ', '()'],
  regprocedure: ['drop function ', ''],
  regoper: ['select 1 operator(', ') 1'],
  regoperator: ['drop operator ', ''],
  regnamespace: ['drop schema ', ''],
  regconfig: ['drop text search configuration ', ''],
  regdictionary: ['drop text search dictionary ', ''],
  regcollation: ['drop collation ', ''],
}
const SEQUENCE_FUNCTIONS: ReadonlySet<string> = new Set(['nextval', 'currval', 'setval'])

/** A string constant cast to regclass and its like is a name. */
export function rewriteNameCast(r: Rewriting, cast: Tree): void {
  const type = castType(cast)
  const argument = treeAt(cast, 'arg')
  const inner = treeAt(argument, 'TypeCast')
  const constant = treeAt(inner && castType(inner) === 'text' ? treeAt(inner, 'arg') : argument, 'A_Const')
  if (type !== undefined && constant) rewriteNameConstant(r, type, constant)
}

/** The first argument of nextval() and its like is of type regclass without a cast. */
export function rewriteSequenceCall(r: Rewriting, call: Tree): void {
  const names = nodesOf(listAt(call, 'funcname'), 'String').map((part) => stringAt(part, 'sval') ?? '')
  const known = SEQUENCE_FUNCTIONS.has(names.at(-1) ?? '') && (names.length === 1 || names[0] === 'pg_catalog')
  const [first] = listAt(call, 'args')
  const [constant] = known ? nodesOf([first], 'A_Const') : []
  if (constant) rewriteNameConstant(r, 'regclass', constant)
}

function castType(cast: Tree): string | undefined {
  const names = nodesOf(listAt(treeAt(cast, 'typeName'), 'names'), 'String').map((part) => stringAt(part, 'sval') ?? '')
  return names.length === 1 || names[0] === 'pg_catalog' ? names.at(-1) : undefined
}

function rewriteNameConstant(r: Rewriting, type: string, constant: Tree): void {
  const statement = STATEMENTS[type]
  const holder = treeAt(constant, 'sval')
  const text = stringAt(holder, 'sval')
  if (!statement || !holder || text === undefined || !r.index.mayMention(text)) return
  // A number is an OID.
  if (/^(?:\d+|-)$/.test(text)) return
  if (r.body && type === 'regclass' && !text.includes('.') && r.index.relations.has(text.replaceAll('"', ''))) {
    throw new Obstacle(`which table ${text} is depends on the search_path`)
  }
  const [before, after] = statement
  const rewritten = r.rewriteText(before + text + after)
  if (rewritten === before + text + after) return
  const name = rewritten.slice(before.length, rewritten.length - after.length)
  replaceConstant(r, constant['location'], name)
  holder['sval'] = name
}

/** Puts another value into the string constant at a position of the tree. */
export function replaceConstant(r: Rewriting, location: unknown, value: string): void {
  const token = r.statements.tokens[r.statements.tokenAt(typeof location === 'number' ? location : 0)]
  if (token?.kind !== 'SCONST') throw new Obstacle('a string constant is not where the tree says')
  r.statements.replace(token.start, token.end, literal(value))
}
