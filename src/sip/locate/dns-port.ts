/** What RFC 3263 needs to ask the DNS, with the TTLs that node:dns does not give for SRV and NAPTR. */
export type DnsRecordType = 'A' | 'AAAA' | 'SRV' | 'NAPTR';

interface RecordBase {
  /** Owner name, lower case. */
  readonly name: string;
  readonly ttlSeconds: number;
}
export interface AddressRecord extends RecordBase {
  readonly type: 'A' | 'AAAA';
  readonly address: string;
}
export interface CnameRecord extends RecordBase {
  readonly type: 'CNAME';
  readonly target: string;
}
export interface SrvRecord extends RecordBase {
  readonly type: 'SRV';
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}
export interface NaptrRecord extends RecordBase {
  readonly type: 'NAPTR';
  readonly order: number;
  readonly preference: number;
  readonly flags: string;
  readonly services: string;
  readonly regexp: string;
  readonly target: string;
}
export type DnsRecord = AddressRecord | CnameRecord | SrvRecord | NaptrRecord;

/** `answered` with no record of the type asked means that there is none; `failed` means that nobody knows. */
export type DnsReply =
  | { readonly status: 'answered'; readonly records: readonly DnsRecord[]; readonly negativeTtlSeconds?: number }
  | { readonly status: 'failed'; readonly reason: string; readonly unasked?: true };

/** Asks a name server; never rejects. */
export interface DnsPort {
  /** @param owner who wants to know: of what is asked at one time each has a share. Default: one that is nobody's */
  query(name: string, type: DnsRecordType, owner?: string): Promise<DnsReply>;
}
