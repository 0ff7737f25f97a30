import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { peerCommand } from './peers.ts';

/** A certificate and its key, both PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateRequest {
  readonly commonName: string;
  /** Entries of subjectAltName as OpenSSL writes them: `DNS:sip.example.com`, `URI:sip:example.com`, `IP:127.0.0.1`. */
  readonly alternativeNames?: readonly string[];
  /** Days from now; negative: it expired so many days ago. Default 30. */
  readonly days?: number;
  readonly extendedKeyUsage?: string;
}

/** A certificate authority of a test, made by the `openssl` command (package `openssl`); keys are P-256. */
export class TestAuthority {
  readonly #directory = mkdtempSync(join(tmpdir(), 'tandem-ca-'));
  readonly certificate: string;
  readonly #key: string;
  #serial = 1;

  constructor(commonName = 'tandem test authority') {
    this.#newKey('ca');
    this.#openssl(
      'req',
      '-x509',
      '-new',
      '-key',
      'ca.key',
      '-subj',
      `/CN=${commonName}`,
      '-days',
      '30',
      '-out',
      'ca.pem',
    );
    this.certificate = this.#read('ca.pem');
    this.#key = this.#read('ca.key');
  }

  issue(request: CertificateRequest): KeyPair {
    // A suite that begins again has removed them.
    mkdirSync(this.#directory, { recursive: true });
    writeFileSync(join(this.#directory, 'ca.pem'), this.certificate);
    writeFileSync(join(this.#directory, 'ca.key'), this.#key);
    const name = `leaf-${++this.#serial}`;
    this.#newKey(name);
    this.#openssl('req', '-new', '-key', `${name}.key`, '-subj', `/CN=${request.commonName}`, '-out', `${name}.csr`);
    const extensions = [
      'basicConstraints=CA:FALSE',
      `extendedKeyUsage=${request.extendedKeyUsage ?? 'serverAuth,clientAuth'}`,
    ];
    if (request.alternativeNames !== undefined) extensions.push(`subjectAltName=${request.alternativeNames.join(',')}`);
    writeFileSync(join(this.#directory, `${name}.ext`), extensions.join('\n'));
    this.#sign(name, request.days ?? 30);
    return { cert: this.#read(`${name}.pem`), key: this.#read(`${name}.key`) };
  }

  /** Removes its files; it can issue more all the same. */
  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #sign(name: string, days: number): void {
    const start = asn1Time(days < 0 ? 2 * days : -1);
    const end = asn1Time(days);
    const config = [
      '[ca]',
      'default_ca=test',
      '[test]',
      `database=${this.#directory}/index.txt`,
      `new_certs_dir=${this.#directory}`,
      `serial=${this.#directory}/serial`,
      'default_md=sha256',
      'policy=any',
      'unique_subject=no',
      '[any]',
      'commonName=supplied',
    ];
    writeFileSync(join(this.#directory, 'ca.cnf'), config.join('\n'));
    writeFileSync(join(this.#directory, 'index.txt'), '');
    writeFileSync(join(this.#directory, 'serial'), `${(0x1000 + this.#serial).toString(16)}\n`);
    const dates = ['-startdate', start, '-enddate', end];
    const files = [
      '-cert',
      'ca.pem',
      '-keyfile',
      'ca.key',
      '-in',
      `${name}.csr`,
      '-out',
      `${name}.pem`,
      '-extfile',
      `${name}.ext`,
    ];
    this.#openssl('ca', '-batch', '-notext', '-config', 'ca.cnf', ...dates, ...files);
  }

  #newKey(name: string): void {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writeFileSync(join(this.#directory, `${name}.key`), privateKey.export({ type: 'sec1', format: 'pem' }));
  }

  #read(file: string): string {
    return readFileSync(join(this.#directory, file), 'latin1');
  }

  #openssl(...args: string[]): void {
    execFileSync(peerCommand('openssl'), args, { cwd: this.#directory, stdio: 'pipe' });
  }
}

/** OpenSSL's `YYYYMMDDHHMMSSZ`. */
function asn1Time(daysFromNow: number): string {
  const iso = new Date(Date.now() + daysFromNow * 86_400_000).toISOString();
  return `${iso.slice(0, 19).replace(/[-:T]/g, '')}Z`;
}
