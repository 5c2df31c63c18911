/** A variable that pgmove reads from its environment. */
export interface EnvironmentVariable {
  readonly name: string
  readonly group: 'pgmove' | 'temporal' | 'postgres' | 'terminal'
  /** Who reads it: workers, the command `pgmove`, or both. */
  readonly by: 'worker' | 'command' | 'both'
  /** What is so without it. */
  readonly standard: string
  readonly meaning: string
}

type Row = readonly [name: string, by: EnvironmentVariable['by'], standard: string, meaning: string]

const of = (group: EnvironmentVariable['group'], rows: readonly Row[]): EnvironmentVariable[] =>
  rows.map(([name, by, standard, meaning]) => ({ name, group, by, standard, meaning }))

/** Every variable that has a meaning of its own; specs may name further ones. A test holds it against the code. */
export const ENVIRONMENT: readonly EnvironmentVariable[] = [
  ...of('pgmove', [
    ['PGMOVE_TASK_QUEUE', 'both', 'pgmove', 'Task queue of the workers.'],
    ['PGMOVE_METRICS_ADDRESS', 'worker', 'no metrics', '`host:port` on which metrics for Prometheus are served.'],
    ['PGMOVE_LOG_FORMAT', 'worker', 'text', '`text`, or `json` for one JSON document a line.'],
    [
      'PGMOVE_PAYLOAD_KEYS_FILE',
      'both',
      'no encryption',
      'File with the keys that encrypt what Temporal stores (docs/how-to/encrypted-payloads.md).',
    ],
    ['PGMOVE_CACHE', 'both', '.cache in the project', 'Folder for programs that are downloaded, such as pg_dump where none is in PATH.'],
    [
      'PGMOVE_WEB_UI',
      'command',
      "Temporal Cloud's, or a development server's",
      "Address of Temporal's Web UI, for the links that are shown.",
    ],
  ]),
  ...of('temporal', [
    ['TEMPORAL_ADDRESS', 'both', 'localhost:7233', "Temporal's address."],
    ['TEMPORAL_NAMESPACE', 'both', 'default', "Temporal's namespace."],
    ['TEMPORAL_API_KEY', 'both', '', 'API key; switches TLS on.'],
    ['TEMPORAL_TLS', 'both', '', '`true`: connect with TLS.'],
    ['TEMPORAL_TLS_CLIENT_CERT_PATH', 'both', '', 'File with the client certificate.'],
    ['TEMPORAL_TLS_CLIENT_CERT_DATA', 'both', '', 'The client certificate itself.'],
    ['TEMPORAL_TLS_CLIENT_KEY_PATH', 'both', '', 'File with its key.'],
    ['TEMPORAL_TLS_CLIENT_KEY_DATA', 'both', '', 'The key itself.'],
    ['TEMPORAL_TLS_SERVER_CA_CERT_PATH', 'both', "the system's", "File with the server's certificate authority."],
    ['TEMPORAL_TLS_SERVER_CA_CERT_DATA', 'both', '', 'The certificate authority itself.'],
    ['TEMPORAL_TLS_SERVER_NAME', 'both', 'as in the address', "Name that the server's certificate must have."],
    ['TEMPORAL_CONFIG_FILE', 'both', "the Temporal CLI's", 'Configuration file with profiles.'],
    ['TEMPORAL_PROFILE', 'both', 'default', 'Profile of that file.'],
    ['TEMPORAL_GRPC_META_*', 'both', '', 'A header of every request, by the rest of the name.'],
  ]),
  ...of('postgres', [
    ['PGHOST', 'worker', '', 'Host, where a URL names none.'],
    ['PGHOSTADDR', 'worker', '', 'Address of the host, so that no name is looked up.'],
    ['PGPORT', 'worker', '5432', 'Port, where a URL names none.'],
    ['PGUSER', 'worker', "the worker's user", 'Role, where a URL names none.'],
    [
      'PGPASSWORD',
      'worker',
      '',
      'Password, where neither the spec nor the URL has one; of both sides. Better: a variable or file that the spec names.',
    ],
    ['PGDATABASE', 'worker', "the role's name", 'Database, where a URL names none.'],
    ['PGPASSFILE', 'worker', '~/.pgpass', 'Password file.'],
    ['PGCONNECT_TIMEOUT', 'worker', '', 'Seconds to wait for a connection.'],
    ['PGOPTIONS', 'worker', '', 'Settings of the sessions.'],
    ['PGSSLMODE', 'worker', 'prefer', 'As `sslmode` in the URL.'],
    ['PGSSLNEGOTIATION', 'worker', 'postgres', 'As `sslnegotiation` in the URL.'],
    ['PGSSLROOTCERT', 'worker', '~/.postgresql/root.crt', "File with the server's certificate authority."],
    ['PGSSLCERT', 'worker', '~/.postgresql/postgresql.crt', 'File with the client certificate.'],
    ['PGSSLKEY', 'worker', '~/.postgresql/postgresql.key', 'File with its key.'],
    ['PGSSLCRL', 'worker', '~/.postgresql/root.crl', 'File with revoked certificates.'],
    ['PGSSLSNI', 'worker', '1', 'As `sslsni` in the URL.'],
    ['PGSSLCERTMODE', 'worker', 'allow', 'As `sslcertmode` in the URL.'],
    ['PGSSLMINPROTOCOLVERSION', 'worker', 'TLSv1.2', 'Lowest version of TLS.'],
    ['PGSSLMAXPROTOCOLVERSION', 'worker', '', 'Highest version of TLS.'],
    ['PGCHANNELBINDING', 'worker', 'prefer', 'As `channel_binding` in the URL.'],
    ['PGTARGETSESSIONATTRS', 'worker', 'any', 'As `target_session_attrs` in the URL.'],
  ]),
  ...of('terminal', [
    ['NO_COLOR', 'command', '', 'Set to anything: no colours.'],
    ['TERM', 'command', '', '`dumb`: no colours, and `status --watch` prints lines.'],
    ['HOME', 'worker', "the user's own", 'Where the password file is, and the certificates.'],
  ]),
]
