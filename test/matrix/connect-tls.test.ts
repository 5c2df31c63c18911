import { testTlsConnections } from '../tls-connections.ts'

/** 13 and 17 are tested by integration/connect-tls.test.ts. */
for (const major of [10, 18]) testTlsConnections(major)
