// Code samples of the interface documents, for the operation on the page.
export function samples(method: string, path: string, body: string): { name: string; text: string }[] {
  const host = location.origin
  const [p, q = ''] = path.split('?')
  return [
    {
      name: 'curl',
      text: `APP=应用标识 KEY=密钥 BODY='${body}'
TIME=$(date +%s%3N) NONCE=$(openssl rand -hex 12)
SM3=$(printf %s "$BODY" | openssl dgst -sm3 -r | cut -d' ' -f1)
SIGN=$(printf '${method}\\n${p}\\n${q}\\n%s\\n%s\\n%s' "$TIME" "$NONCE" "$SM3" | openssl dgst -sm3 -hmac "$KEY" -r | cut -d' ' -f1)
curl -X ${method} '${host}${path}' -H "X-Jx-App: $APP" -H "X-Jx-Time: $TIME" -H "X-Jx-Nonce: $NONCE" -H "X-Jx-Sign: $SIGN"${body ? ` \\
  -H 'Content-Type: application/json' --data "$BODY"` : ''}`,
    },
    {
      name: 'Java',
      text: `// BouncyCastle: bcprov-jdk18on
String body = ${JSON.stringify(body)}, time = "" + System.currentTimeMillis(), nonce = UUID.randomUUID().toString();
SM3Digest d = new SM3Digest(); byte[] b = body.getBytes(UTF_8), h = new byte[32];
d.update(b, 0, b.length); d.doFinal(h, 0);
String text = String.join("\\n", "${method}", "${p}", "${q}", time, nonce, Hex.toHexString(h));
HMac mac = new HMac(new SM3Digest()); mac.init(new KeyParameter(key.getBytes(UTF_8)));
byte[] t = text.getBytes(UTF_8), s = new byte[32]; mac.update(t, 0, t.length); mac.doFinal(s, 0);
HttpRequest.newBuilder(URI.create("${host}${path}")).method("${method}", BodyPublishers.ofString(body))
  .header("X-Jx-App", app).header("X-Jx-Time", time).header("X-Jx-Nonce", nonce).header("X-Jx-Sign", Hex.toHexString(s))${body ? '.header("Content-Type", "application/json")' : ''}.build();`,
    },
    { name: 'Go', text: `// 仓库 tools/openclient 有完整的示例客户端\nopenclient --url ${host} --app 应用标识 --key 密钥 ${method} '${path}'${body ? ` '${body}'` : ''}` },
  ]
}
