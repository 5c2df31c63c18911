/** What a parameter of a connection URL may hold: undefined if the value is right, else what is expected. */
type Check = (value: string) => string | undefined

const among =
  (...values: string[]): Check =>
  (value) =>
    values.includes(value) ? undefined : values.length === 1 ? values[0] : `one of ${values.join(', ')}`
const anything: Check = () => undefined
const wholeNumber: Check = (value) => (/^\s*-?\d{1,9}\s*$/.test(value) ? undefined : 'a whole number')
const filePath: Check = (value) => (value.includes('\0') ? 'a path' : undefined)

/**
 * The parameters of libpq (PostgreSQL documentation, "Parameter Key Words") that mean here what they mean in psql.
 * `application_name` is accepted and not used: pgmove's sessions carry names of their own.
 */
export const HONOURED_PARAMETERS = {
  host: anything,
  hostaddr: anything,
  port: anything,
  dbname: anything,
  user: anything,
  password: anything,
  passfile: filePath,
  connect_timeout: wholeNumber,
  options: anything,
  application_name: anything,
  fallback_application_name: anything,
  client_encoding: (value) => (/^(auto|utf-?8|unicode)$/i.test(value) ? undefined : 'UTF8, in which pgmove reads and writes'),
  keepalives: among('1'),
  keepalives_idle: wholeNumber,
  sslmode: among('disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'),
  ssl: among('true'),
  sslnegotiation: among('postgres', 'direct'),
  sslcompression: among('0'),
  sslrootcert: filePath,
  sslcert: filePath,
  sslkey: filePath,
  sslcrl: filePath,
  sslsni: among('0', '1'),
  sslcertmode: among('disable', 'allow'),
  ssl_min_protocol_version: among('TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'),
  ssl_max_protocol_version: among('TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'),
  channel_binding: among('disable', 'prefer', 'require'),
  gssencmode: among('disable', 'prefer'),
  load_balance_hosts: among('disable'),
  target_session_attrs: among('any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby'),
} as const satisfies Readonly<Record<string, Check>>

export type HonouredParameter = keyof typeof HONOURED_PARAMETERS

/** Parameters of libpq that can't be honoured here; their names may be repeated in a message. */
export const REFUSED_PARAMETERS: ReadonlySet<string> = new Set([
  'keepalives_interval', 'keepalives_count', 'tcp_user_timeout', 'replication', 'require_auth', 'requiressl', 'requirepeer', 'sslcrldir', 'sslpassword',
  'sslkeylogfile', 'krbsrvname', 'gsslib', 'gssdelegation', 'service', 'servicefile', 'min_protocol_version', 'max_protocol_version',
  'scram_client_key', 'scram_server_key', 'oauth_issuer', 'oauth_client_id', 'oauth_client_secret', 'oauth_scope', 'authtype', 'tty',
]) // prettier-ignore

export function isHonoured(name: string): name is HonouredParameter {
  return Object.hasOwn(HONOURED_PARAMETERS, name)
}
