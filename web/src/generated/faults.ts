// Made by scripts/generate from core/fault.def: a change goes there.

/** What can be wrong with a received packet, by the core's number, with "|" between them. core/fault.def explains each. */
export const FAULTS =
  "none|" +
  "packet type reserved|" +
  "flags reserved|" +
  "length not minimal|" +
  "length too long|" +
  "packet too large|" +
  "truncated|" +
  "trailing bytes|" +
  "text ill formed|" +
  "text null|" +
  "packet identifier zero|" +
  "property unknown|" +
  "property misplaced|" +
  "property repeated|" +
  "property value|" +
  "topic alias zero|" +
  "topic alias too large|" +
  "topic alias unknown|" +
  "reason code|" +
  "connect protocol name|" +
  "connect protocol version|" +
  "connect flags|" +
  "connect client identifier|" +
  "authentication data alone|" +
  "authentication method missing|" +
  "authentication method changed|" +
  "authentication unexpected|" +
  "connack flags|" +
  "connack session present|" +
  "publish qos|" +
  "publish dup|" +
  "topic name wildcard|" +
  "topic name empty|" +
  "response topic wildcard|" +
  "response topic empty|" +
  "subscription identifier from client|" +
  "filters missing|" +
  "filter invalid|" +
  "subscription options|" +
  "subscription options reserved|" +
  "shared no local|" +
  "codes missing|" +
  "session expiry from server|" +
  "wrong direction|" +
  "connack expected|" +
  "connack repeated|" +
  "session unexpected|" +
  "acknowledgement kind|" +
  "acknowledgement count|" +
  "receive maximum|" +
  "qos changed|" +
  "problem information";
