import { describe, expect, it } from '@jest/globals';
import { isPublicAddress } from '../../src/outbound/public-address.js';

describe('an address', () => {
  it.each(['1.1.1.1', '8.8.8.8', '93.184.215.14', '172.15.255.255', '172.32.0.0', '100.63.255.255', '100.128.0.0', '223.255.255.255'])(
    '%s is public',
    (address) => expect(isPublicAddress(address)).toBe(true),
  );

  it.each(['2606:4700:4700::1111', '2a00:1450:4001:81b::200e', '64:ff9b::8.8.8.8', '64:ff9b::808:808'])('%s is public', (address) =>
    expect(isPublicAddress(address)).toBe(true),
  );

  it.each([
    ['this host', '0.0.0.0'],
    ['loopback', '127.0.0.1'],
    ['loopback', '127.255.255.255'],
    ['private', '10.0.0.1'],
    ['private', '172.16.0.1'],
    ['private', '172.31.255.255'],
    ['private', '192.168.1.1'],
    ['shared by carriers', '100.64.0.1'],
    ['link-local, and the metadata service of clouds', '169.254.169.254'],
    ['for documentation', '192.0.2.1'],
    ['for documentation', '198.51.100.1'],
    ['for documentation', '203.0.113.1'],
    ['for benchmarks', '198.19.0.1'],
    ['multicast', '224.0.0.1'],
    ['reserved', '240.0.0.1'],
    ['broadcast', '255.255.255.255'],
    ['unspecified', '::'],
    ['loopback', '::1'],
    ['an IPv4 address within', '::ffff:10.0.0.1'],
    ['an IPv4 address within', '::ffff:8.8.8.8'],
    ['an IPv4 address within', '::127.0.0.1'],
    ['an IPv4 address behind NAT64', '64:ff9b::127.0.0.1'],
    ['an IPv4 address behind NAT64', '64:ff9b::a9fe:a9fe'],
    ['an IPv4 address behind NAT64', '64:ff9b::1'],
    ['an IPv4 address behind NAT64', '64:ff9b::'],
    ['a NAT64 of somebody else', '64:ff9b:1::808:808'],
    ['an IPv4 address behind 6to4', '2002:7f00:1::'],
    ['an IPv4 address behind Teredo', '2001::1'],
    ['unique local, and the metadata service of a cloud', 'fd00:ec2::254'],
    ['link-local', 'fe80::1'],
    ['link-local with a zone', 'fe80::1%eth0'],
    ['global with a zone', '2606:4700:4700::1111%eth0'],
    ['once site-local', 'fec0::1'],
    ['multicast', 'ff02::1'],
    ['for documentation', '2001:db8::1'],
    ['for documentation', '3fff::1'],
    ['none', 'localhost'],
    ['none', ''],
    ['none', '010.0.0.1'],
    ['none', '2130706433'],
  ])('that is %s is not public: %s', (_, address) => expect(isPublicAddress(address)).toBe(false));
});
