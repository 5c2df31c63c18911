import { readFileSync } from 'node:fs'
import path from 'node:path'
import ts from 'typescript'
import { PROJECT_FOLDER } from '../../src/project-folder.ts'

/** A field of a type, by its path from there: `slot.name`. */
export interface TypeField {
  readonly path: string
  readonly type: string
  readonly optional: boolean
  /** Its doc comment. */
  readonly meaning: string
  /** Inside of a field that says what it means: it may say nothing by itself. */
  readonly inner: boolean
}

/** An interface, as its declaration and doc comments say. */
export interface DescribedType {
  readonly name: string
  readonly meaning: string
  readonly fields: readonly TypeField[]
}

/** Reads an exported interface. The file is named from the project's folder. */
export function describeType(file: string, name: string): DescribedType {
  const source = ts.createSourceFile(file, readFileSync(path.join(PROJECT_FOLDER, file), 'utf8'), ts.ScriptTarget.ESNext, true)
  const found = source.statements.find(
    (node): node is ts.InterfaceDeclaration => ts.isInterfaceDeclaration(node) && node.name.text === name,
  )
  if (!found) throw new Error(`${file} has no interface ${name}`)
  return { name, meaning: commentOf(found), fields: fieldsOf(found.members, source, '') }
}

function fieldsOf(members: ts.NodeArray<ts.TypeElement>, source: ts.SourceFile, prefix: string): TypeField[] {
  return members.flatMap((member) => {
    if (!ts.isPropertySignature(member) || !member.type) return []
    const at = `${prefix}${member.name.getText(source)}`
    const literal = literalOf(member.type)
    const field = {
      path: at,
      type: typeText(member.type, source),
      optional: member.questionToken !== undefined,
      meaning: commentOf(member),
    }
    const own = { ...field, inner: prefix !== '' }
    return literal ? [own, ...fieldsOf(literal.node.members, source, `${at}${literal.inside}.`)] : [own]
  })
}

/** The braces inside of a type: of an object, of one that may be null, or of a list's items. */
function literalOf(node: ts.TypeNode): { node: ts.TypeLiteralNode; inside: string } | undefined {
  if (ts.isTypeLiteralNode(node)) return { node, inside: '' }
  if (ts.isTypeOperatorNode(node)) return literalOf(node.type)
  if (ts.isUnionTypeNode(node)) return node.types.map(literalOf).find((found) => found !== undefined)
  const item = ts.isArrayTypeNode(node) ? node.elementType : cutListItem(node)
  const found = item && literalOf(item)
  return found && { ...found, inside: ts.isArrayTypeNode(node) ? '[]' : '.items[]' }
}

function cutListItem(node: ts.TypeNode): ts.TypeNode | undefined {
  return ts.isTypeReferenceNode(node) && node.typeName.getText() === 'CutList' ? node.typeArguments?.[0] : undefined
}

/** A type in words: `list of string`, `"none" or "readOnly"`, `object or null`. */
function typeText(node: ts.TypeNode, source: ts.SourceFile): string {
  if (ts.isTypeLiteralNode(node)) return 'object'
  if (ts.isTypeOperatorNode(node)) return typeText(node.type, source)
  if (ts.isParenthesizedTypeNode(node)) return typeText(node.type, source)
  if (ts.isUnionTypeNode(node)) return node.types.map((one) => typeText(one, source)).join(' or ')
  if (ts.isArrayTypeNode(node)) return `list of ${typeText(node.elementType, source)}`
  if (ts.isLiteralTypeNode(node)) return ts.isStringLiteral(node.literal) ? JSON.stringify(node.literal.text) : node.getText(source)
  if (!ts.isTypeReferenceNode(node)) return node.getText(source)
  const name = node.typeName.getText(source)
  const [first, second] = (node.typeArguments ?? []).map((one) => typeText(one, source))
  if (name === 'CutList') return `cut list of ${first}`
  const alias = source.statements.find((one): one is ts.TypeAliasDeclaration => ts.isTypeAliasDeclaration(one) && one.name.text === name)
  if (alias && !alias.typeParameters) return typeText(alias.type, source)
  if (name === 'Record') return `object of ${second} by ${first}`
  return name === 'Readonly' || name === 'Partial' || name === 'NonNullable' ? (first ?? name) : name
}

function commentOf(node: ts.Node): string {
  const [first] = ts.getJSDocCommentsAndTags(node)
  const comment = first && ts.isJSDoc(first) ? ts.getTextOfJSDocComment(first.comment) : undefined
  return (comment ?? '')
    .replace(/\s+/g, ' ')
    .replace(/ \(contract §\d+\)/g, '')
    .trim()
}
