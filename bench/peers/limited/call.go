package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// caller calls ForgotPassword, without AWS's SDK.
type caller struct {
	url    string
	client *http.Client
}

func newCaller(twin string, concurrency int) caller {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = concurrency
	return caller{"http://" + twin + "/", &http.Client{Transport: transport, Timeout: time.Minute}}
}

func (c caller) forgot(ctx context.Context, number []byte) error {
	n, err := strconv.Atoi(string(number))
	if err != nil {
		return err
	}
	body := fmt.Appendf(nil, `{"ClientId":"rekeytwin","Username":"user%06d"}`, n)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.ForgotPassword")
	answer, err := c.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, text)
	}
	return err
}
