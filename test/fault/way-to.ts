import { after } from 'node:test'
import { Way } from '../../dev/way.ts'

/** A way to a server that can be made bad; it ends with the file's tests. */
export async function wayTo({ port }: { readonly port: number }): Promise<Way> {
  const way = await Way.open(port)
  after(() => way.close())
  return way
}
