-- For wrk: the multipart upload of a 9 KB file as synapse-sync sends it, over and over: the server's own ceiling.
local boundary = string.rep("b", 32)
wrk.method = "POST"
wrk.path = "/data_files/"
wrk.headers["Content-Type"] = "multipart/form-data; boundary=" .. boundary
wrk.headers["Synapse-Access-Token"] = "Token syn_dev"
wrk.body = "--" .. boundary .. "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"scan_000000.png\"\r\n"
  .. "Content-Type: application/octet-stream\r\n\r\n" .. string.rep("x", 9000) .. "\r\n--" .. boundary .. "--\r\n"
