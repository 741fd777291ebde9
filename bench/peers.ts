/** The configurations of native gateways, as an operator would write them to do the same as the bundle. */
import { SNI } from "./cluster.ts";
import { nginxHead } from "./stage.ts";

/** The nginx configuration: verifies chain and name, sends SNI, keeps connections to the backend, logs requests. */
export function nginxConf(port: number, backend: number, caFile: string): string {
  return `${nginxHead("gateway")}
http {
  access_log /dev/null combined;
  keepalive_requests 1000000;
  upstream backend {
    server 127.0.0.1:${backend};
    keepalive 64;
    keepalive_requests 1000000;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass https://backend;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_ssl_protocols TLSv1.2 TLSv1.3;
      proxy_ssl_server_name on;
      proxy_ssl_name ${SNI};
      proxy_ssl_verify on;
      proxy_ssl_verify_depth 10;
      proxy_ssl_trusted_certificate ${caFile};
    }
  }
}
`;
}

/** The HAProxy configuration, with one frontend for each protocol to the backend. */
export function haproxyConf(
  pairs: Readonly<Record<"h1" | "h2", readonly [port: number, backend: number]>>,
  caFile: string,
): string {
  const proxy = (name: "h1" | "h2", alpn: string): string => `
frontend ${name}
  bind 127.0.0.1:${pairs[name][0]}
  default_backend ${name}
backend ${name}
  server backend 127.0.0.1:${pairs[name][1]} ssl verify required ca-file ${caFile} sni str(${SNI}) verifyhost ${SNI} alpn ${alpn}
`;
  return `global
  nbthread 1
  log stdout format raw daemon
defaults
  mode http
  log global
  option httplog
  option forwardfor
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s
${proxy("h1", "http/1.1")}${proxy("h2", "h2")}`;
}
