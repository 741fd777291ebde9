package main

// The kubelet's part in `kubectl logs`: the API server asks the node for a container's log, and the suite's tests of
// mirrors read there what reached a pod.

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/cert"
	"k8s.io/cri-client/pkg/logs"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	_ "k8s.io/kubernetes/pkg/apis/core/install" // how a query becomes PodLogOptions
)

const kubeletPort = 10250

func logPath(podDir, namespace, pod string) string {
	return filepath.Join(podDir, namespace+"_"+pod+".log")
}

// writeLog keeps what a container says as a container runtime does, each line with its time, until `from` ends.
func writeLog(log *os.File, from io.ReadCloser) {
	defer log.Close()
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			if line[len(line)-1] != '\n' {
				line += "\n"
			}
			if _, err := fmt.Fprintf(log, "%s stdout F %s", time.Now().Format(logs.RFC3339NanoFixed), line); err != nil {
				fmt.Println(log.Name(), err)
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// serveLogs answers the API server at the node's address, as long as the process lives. Following is refused.
func serveLogs(podDir string) error {
	certificate, key, err := cert.GenerateSelfSignedCertKey(nodeName, []net.IP{net.ParseIP(nodeIP)}, nil)
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return err
	}
	listener, err := tls.Listen("tcp", fmt.Sprintf("%s:%d", nodeIP, kubeletPort), &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	// A pod has one container, so that its name need not be looked at.
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", func(w http.ResponseWriter, r *http.Request) {
		var asked v1.PodLogOptions
		if err := legacyscheme.ParameterCodec.DecodeParameters(r.URL.Query(), v1.SchemeGroupVersion, &asked); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if asked.Follow {
			http.Error(w, "the fake node follows no log", http.StatusNotImplemented)
			return
		}
		options := &logs.LogOptions{TailLines: asked.TailLines, LimitBytes: asked.LimitBytes, Timestamp: asked.Timestamps}
		if asked.SinceTime != nil {
			options.Since = asked.SinceTime.Time
		} else if asked.SinceSeconds != nil {
			options.Since = time.Now().Add(-time.Duration(*asked.SinceSeconds) * time.Second)
		}
		path := logPath(podDir, r.PathValue("namespace"), r.PathValue("pod"))
		if _, err := os.Stat(path); err != nil {
			http.Error(w, "no such pod runs here", http.StatusNotFound)
			return
		}
		if err := logs.ReadLogs(r.Context(), path, "", options, nil, w, w); err != nil {
			fmt.Println("logs of", path, err)
		}
	})
	go func() { fmt.Println("log server:", http.Serve(listener, mux)) }()
	return nil
}
