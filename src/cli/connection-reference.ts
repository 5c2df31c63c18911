/** How options name a database: a URL without a password, `env:NAME`, or `file:PATH`; whether it is a valid one is for the spec's reader to say. */
export function connectionReference(text: string): { url: string } | { env: string } | { file: string } {
  const reference = /^(env|file):(.*)$/s.exec(text)
  if (!reference || text.startsWith('file://')) return { url: text }
  return reference[1] === 'env' ? { env: reference[2] ?? '' } : { file: reference[2] ?? '' }
}
