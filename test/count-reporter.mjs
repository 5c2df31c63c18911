// A reporter of node:test that writes only how many tests were really executed: skipped ones, suites and files without a test don't count.
// Plain JavaScript: Node.js loads it by itself.
export default async function* countReporter(events) {
  let executed = 0
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue
    const { name, skip, todo, details } = data
    if (!name.endsWith('.test.mjs') && details.type !== 'suite' && skip === undefined && todo === undefined) executed++
  }
  yield String(executed)
}
