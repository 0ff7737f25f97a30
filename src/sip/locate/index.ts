export { DnsClient, systemDnsServers } from './dns-client.ts';
export type { DnsPort, DnsRecord, DnsRecordType, DnsReply } from './dns-port.ts';
export { DnsQuestions } from './dns-questions.ts';
export { readHostsFile } from './hosts-file.ts';
export {
  type LocatedTarget,
  type LocateQuery,
  Locator,
  type LocatorOptions,
} from './locator.ts';
