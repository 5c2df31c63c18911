import { Obstacle } from './obstacle.ts'
import { itemsOf, listAt, nodesOf, stringAt, treeAt } from './parse-tree.ts'
import type { Tree } from './parse-tree.ts'
import { replaceConstant } from './name-literal.ts'
import { renameQualified } from './rewrite-names.ts'
import { rewriteAttribute } from './rewrite-object.ts'
import { EMPTY_SCOPE } from './rewriting.ts'
import type { Rewriting } from './rewriting.ts'
import { searchBody } from './search-body.ts'

/** Their AS clause names a symbol of a library or of the server. */
const WITHOUT_BODY: ReadonlySet<string> = new Set(['c', 'internal'])

export function rewriteFunction(r: Rewriting, definition: Tree): void {
  const options = nodesOf(listAt(definition, 'options'), 'DefElem')
  const option = (name: string) => options.find((candidate) => stringAt(candidate, 'defname') === name)
  const path = ownSearchPath(options)
  const label = r.object
  renameQualified(r, listAt(definition, 'funcname'))
  r.visit([definition['parameters'], definition['returnType'], definition['sql_body']], EMPTY_SCOPE)
  const language = stringAt(treeAt(treeAt(option('language'), 'arg'), 'String'), 'sval')?.toLowerCase() ?? 'sql'
  for (const attribute of options) {
    const name = stringAt(attribute, 'defname')
    if (name === 'set') rewriteSetting(r, treeAt(treeAt(attribute, 'arg'), 'VariableSetStmt'))
    else if (name !== 'as' && name !== 'language') rewriteAttribute(r, attribute)
  }
  const code = option('as')
  if (code && !WITHOUT_BODY.has(language)) rewriteBody(r, code, language, path, label)
}

function rewriteBody(r: Rewriting, code: Tree, language: string, path: readonly string[] | undefined, label: string): void {
  const [holder] = nodesOf(itemsOf(code['arg']), 'String')
  const body = stringAt(holder, 'sval')
  if (!holder || body === undefined || !r.index.mayMention(body)) return
  let why = ''
  if (language === 'sql') {
    try {
      const rewritten = r.rewriteText(body, { path, commonTables: new Set() })
      if (rewritten !== body) replaceBody(r, code, holder, rewritten)
      return
    } catch (error) {
      if (!(error instanceof Obstacle)) throw error
      why = error.message
    }
  }
  const mentions = searchBody(body, r.index, language)
  if (why !== '') r.remarks.push(`${label}: its body stays as it is: ${why}`)
  for (const { line, text } of mentions) r.remarks.push(`${label}, line ${String(line)}: ${text}`)
}

function replaceBody({ statements }: Rewriting, code: Tree, holder: Tree, body: string): void {
  // The position is that of AS; a body in dollar quotes stays in the same ones where it can.
  const token = statements.tokens[statements.tokenAt(Number(code['location'])) + 1]
  if (token?.kind !== 'SCONST') throw new Obstacle('the body is not where the tree says')
  let tag = /^\$[^$]*\$/.exec(token.text)?.[0] ?? '$_$'
  while (body.includes(tag.slice(0, -1))) tag = `${tag.slice(0, -1)}_$`
  statements.replace(token.start, token.end, tag + body + tag)
  holder['sval'] = body
}

/** The schemas of `SET search_path` in a function's definition. */
function ownSearchPath(options: readonly Tree[]): string[] | undefined {
  const settings = options.map((option) => treeAt(treeAt(option, 'arg'), 'VariableSetStmt'))
  const setting = settings.find((candidate) => stringAt(candidate, 'name') === 'search_path')
  if (!setting || stringAt(setting, 'kind') !== 'VAR_SET_VALUE') return undefined
  return nodesOf(listAt(setting, 'args'), 'A_Const').map((constant) => stringAt(treeAt(constant, 'sval'), 'sval') ?? '')
}

/** SET search_path names schemas; other settings stay. */
export function rewriteSetting(r: Rewriting, setting: Tree | undefined): void {
  if (stringAt(setting, 'name') !== 'search_path') return
  for (const constant of nodesOf(listAt(setting, 'args'), 'A_Const')) {
    const holder = treeAt(constant, 'sval')
    const name = stringAt(holder, 'sval') ?? ''
    const target = r.index.map.schema(name)
    if (!holder || target === name) continue
    const location = constant['location']
    const token = r.statements.tokens[r.statements.tokenAt(Number(location))]
    if (token?.kind === 'SCONST') replaceConstant(r, location, target)
    else r.statements.rename(holder, 'sval', target)
    holder['sval'] = target
  }
}
