import assert from 'node:assert/strict'
import test from 'node:test'
import { firstDifference } from '../../src/schema/existing-objects.ts'
import { beforePutBack } from '../../src/schema/put-back-keys.ts'

const KEY =
  'ALTER TABLE ONLY public.order_lines\n    ADD CONSTRAINT order_lines_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.orders(id)'

test('what differs in two definitions is shown, however far behind it stands', () => {
  assert.equal(
    firstDifference(`${KEY} ON DELETE CASCADE;`, `${KEY} ON DELETE CASCADE NOT VALID;`),
    'source: …c.orders(id) ON DELETE CASCADE; | target: …c.orders(id) ON DELETE CASCADE NOT VALID;',
  )
  assert.equal(firstDifference('CREATE TABLE a ();', 'CREATE TABLE b ();'), 'source: CREATE TABLE a (); | target: CREATE TABLE b ();')
  assert.equal(firstDifference('a;\nb;', 'a;'), 'source: b; | target: nothing')
})

test('only a key that pgmove put back NOT VALID is taken for the one before', () => {
  const table = { schema: 'public', name: 'order_lines' }
  const before = (definition: string, ...objects: string[]) => beforePutBack({ kind: 'FK CONSTRAINT' }, table, definition, new Set(objects))
  const [label, gaveWay] = ['"public"."order_lines" "order_lines_order_id_fkey"', '"public"."order_lines"."order_lines_order_id_fkey"']
  assert.equal(before(`${KEY} NOT VALID;`, label), `${KEY};`)
  assert.equal(before(`${KEY} NOT VALID;`, gaveWay), `${KEY};`)
  assert.equal(before(`${KEY} NOT VALID;`, '"public"."order_lines" "other"'), undefined)
  assert.equal(before(`${KEY};`, label), undefined)
})
