/**
 * Why a TLS handshake was refused, in words that an operator can act on. Node reports our verdict as an OpenSSL verification code, and
 * the peer's verdict as an alert.
 */
const REASONS: Readonly<Record<string, string>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: 'wrong name in the certificate',
  CERT_HAS_EXPIRED: 'certificate expired',
  CERT_NOT_YET_VALID: 'certificate not yet valid',
  CERT_REVOKED: 'certificate revoked',
  INVALID_PURPOSE: 'certificate not meant for this use (extended key usage)',
  CERT_SIGNATURE_FAILURE: 'certificate signature wrong',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'untrusted certificate: self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'untrusted certificate: its root is no trust anchor here',
  UNABLE_TO_GET_ISSUER_CERT: 'untrusted certificate: issuer unknown',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'untrusted certificate: issuer unknown',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'untrusted certificate: issuer unknown',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'the peer says our certificate expired',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'the peer does not trust our certificate',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'the peer refuses our certificate',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'the peer refuses our certificate',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'the peer wants a client certificate',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: 'no common cipher, or the peer wants a client certificate',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'no common TLS version',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'no common TLS version',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the peer does not speak TLS',
  ERR_SSL_HTTP_REQUEST: 'the peer does not speak TLS',
  ERR_TLS_HANDSHAKE_TIMEOUT: 'handshake not completed in time',
  ECONNRESET: 'connection reset during the handshake',
};

export const NO_CLIENT_CERTIFICATE = 'no client certificate';

export function describeTlsError(error: NodeJS.ErrnoException): string {
  const code = tlsErrorCode(error);
  const reason = REASONS[code];
  // What OpenSSL 3 calls `ssl/tls alert …` comes with a slash in its code on some versions.
  if (reason !== undefined) return reason;
  if (code.includes('CERTIFICATE_EXPIRED')) return 'the peer says our certificate expired';
  if (code.includes('ALERT') && code.includes('CERTIFICATE')) return 'the peer refuses our certificate';
  return error.message.length > 0 ? `${code}: ${error.message}` : code;
}

export function describeVerifyCode(code: string): string {
  return REASONS[code] ?? `certificate refused: ${code}`;
}

function tlsErrorCode(error: NodeJS.ErrnoException): string {
  return error.code ?? error.name;
}
